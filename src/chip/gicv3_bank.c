/* SPDX-License-Identifier: ISC */
/*
 * The registers that hold a field for each interrupt. The distributor and the redistributors' SGI
 * frames have them at the same offsets (IHI 0069 12.8, 12.11), so they are one piece of code over
 * an array of banks.
 *
 *     0x080 IGROUPR   0x100 ISENABLER  0x180 ICENABLER  0x200 ISPENDR  0x280 ICPENDR  0x300
 * ISACTIVER  0x380 ICACTIVER 0x400 IPRIORITYR (a byte each)   0xc00 ICFGR (two bits each)
 *
 * ITARGETSR, IGRPMODR, NSACR, SGIR and the rest are RAZ/WI with affinity routing and one security
 * state.
 */
#include "chip/gicv3_internal.h"

enum {
    IGROUPR = 1, /* the offset >> 7 */
    ISENABLER,
    ICENABLER,
    ISPENDR,
    ICPENDR,
    ISACTIVER,
    ICACTIVER,
};

#define BITS_END       0x400
#define IPRIORITYR_END 0x800
#define ICFGR          0xc00
#define ICFGR_END      0xd00

static uint32_t bits_read(const struct gicv3_bank *bank, unsigned which)
{
    switch (which) {
    case IGROUPR: return bank->group;
    case ISENABLER:
    case ICENABLER: return bank->enabled;
    case ISPENDR:
    case ICPENDR: return gicv3_bank_pending(bank);
    case ISACTIVER:
    case ICACTIVER: return bank->active;
    default: return 0;
    }
}

/* ICPENDR leaves a level-sensitive interrupt pending for as long as its wire is high (IHI
 * 0069 4.1). */
static void bits_write(struct gicv3_bank *bank, unsigned which, uint32_t value)
{
    value &= bank->valid;
    switch (which) {
    case IGROUPR: bank->group = value; break;
    case ISENABLER: bank->enabled |= value; break;
    case ICENABLER: bank->enabled &= ~value; break;
    case ISPENDR: bank->latch |= value; break;
    case ICPENDR: bank->latch &= ~value; break;
    case ISACTIVER: bank->active |= value; break;
    case ICACTIVER: bank->active &= ~value; break;
    default: break;
    }
}

/* ICFGR shows sixteen interrupts; only the upper of each two bits means anything: edge-triggered.
 */
static uint32_t config_read(const struct gicv3_bank *bank, unsigned half)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < 16; i++)
        if (bank->edge & BIT(half * 16 + i))
            value |= 2u << (2 * i);
    return value;
}

static void config_write(struct gicv3_bank *bank, unsigned half, uint32_t value)
{
    uint32_t edge = bank->edge & ~(0xffffu << (half * 16));

    for (unsigned i = 0; i < 16; i++)
        if (value & (2u << (2 * i)))
            edge |= 1u << (half * 16 + i);
    bank->edge = (edge & bank->valid) | bank->always_edge;
}

uint32_t gicv3_bank_read(const struct gicv3_bank *banks, unsigned count, unsigned offset,
                         unsigned size)
{
    uint32_t value = 0;

    if (offset >= BITS_END && offset < IPRIORITYR_END) {
        unsigned at = offset - BITS_END;

        for (unsigned i = 0; i < size && at / 32 < count; i++)
            value |= (uint32_t)banks[at / 32].priority[at % 32 + i] << (8 * i);
        return value;
    }
    if (size != 4)
        return 0;
    if (offset < BITS_END && offset % 0x80 / 4 < count)
        return bits_read(&banks[offset % 0x80 / 4], offset >> 7);
    if (offset >= ICFGR && offset < ICFGR_END && (offset - ICFGR) / 8 < count)
        return config_read(&banks[(offset - ICFGR) / 8], offset / 4 % 2);
    return 0;
}

uint32_t gicv3_bank_write(struct gicv3_bank *banks, unsigned count, unsigned offset, unsigned size,
                          uint32_t value, unsigned *bank)
{
    *bank = 0;
    if (offset >= BITS_END && offset < IPRIORITYR_END) {
        unsigned at = offset - BITS_END;

        if (at / 32 >= count)
            return 0;
        *bank = at / 32;
        for (unsigned i = 0; i < size; i++)
            if (banks[*bank].valid & BIT((at + i) % 32))
                banks[*bank].priority[(at + i) % 32] = value >> (8 * i) & GICV3_PRIORITY_MASK;
        return (uint32_t)bits_mask(size) << (at % 32);
    }
    if (size != 4)
        return 0;
    if (offset < BITS_END && offset % 0x80 / 4 < count) {
        *bank = offset % 0x80 / 4;
        bits_write(&banks[*bank], offset >> 7, value);
        return offset >> 7 == IGROUPR ? UINT32_MAX : value;
    }
    if (offset >= ICFGR && offset < ICFGR_END && (offset - ICFGR) / 8 < count) {
        *bank = (offset - ICFGR) / 8;
        config_write(&banks[*bank], offset / 4 % 2, value);
        return 0xffffu << (offset / 4 % 2 * 16);
    }
    return 0;
}

uint32_t gicv3_id_read(unsigned offset)
{
    /* PIDR4-7, PIDR0-3 (PIDR2: GICv3, JEDEC), CIDR0-3. */
    static const uint8_t ids[] = {0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};

    return offset >= 0xffd0 && offset <= 0xfffc ? ids[(offset - 0xffd0) / 4] : 0;
}
