/* SPDX-License-Identifier: ISC */
/*
 * EFI_GRAPHICS_OUTPUT_PROTOCOL (UEFI 2.10, 12.9): one mode, on a frame buffer in RAM that the
 * display shows until a driver has set its scanout. Apple's machine has none (--gpu WxH,gop).
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "firmware/efi/core.h"

#define PIXEL 4u

enum { BLT_FILL, BLT_TO_BUFFER, BLT_FROM_BUFFER, BLT_WITHIN };

/* EFI_GRAPHICS_OUTPUT_MODE_INFORMATION, and EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE before it. */
enum { INFO_LENGTH = 36, MODE_LENGTH = 40 };

static void fill_info(const struct efi_config *config, uint8_t info[INFO_LENGTH])
{
    memset(info, 0, INFO_LENGTH);
    store_le32(info + 4, config->gop.width);
    store_le32(info + 8, config->gop.height);
    store_le32(info + 12, 1); /* PixelBlueGreenRedReserved8BitPerColor */
    store_le32(info + 32, config->gop.width);
}

/* QueryMode(This, ModeNumber, *SizeOfInfo, **Info) */
static efi_status query_mode(struct efi_call *call)
{
    uint8_t info[INFO_LENGTH];
    uint64_t at;
    efi_status status;

    if ((uint32_t)call->arg[1] != 0)
        return EFI_INVALID_PARAMETER;
    status = efi_pool_new(call->efi, sizeof(info), &at);
    if (status != EFI_SUCCESS)
        return status;
    fill_info(&call->efi->config, info);
    efi_poke(call->efi, at, info, sizeof(info));
    return efi_write_u64(call, call->arg[2], sizeof(info)) || efi_write_u64(call, call->arg[3], at)
               ? EFI_INVALID_PARAMETER
               : EFI_SUCCESS;
}

static void clear(struct efi *efi)
{
    const struct efi_config *c = &efi->config;

    mem_fill(c->mem, c->gop.base, 0, (size_t)c->gop.width * c->gop.height * PIXEL);
}

/* SetMode(This, ModeNumber) */
static efi_status set_mode(struct efi_call *call)
{
    if ((uint32_t)call->arg[1] != 0)
        return EFI_UNSUPPORTED;
    clear(call->efi);
    return EFI_SUCCESS;
}

/* A rectangle of Blt, checked: in the frame buffer, or in the caller's buffer. */
struct side {
    uint64_t base, x, y, stride; /* stride in bytes */
};

static uint64_t row(const struct side *side, uint64_t y)
{
    return side->base + (side->y + y) * side->stride + side->x * PIXEL;
}

static bool move_rows(struct efi_call *call, const struct side *to, const struct side *from,
                      uint64_t width, uint64_t height)
{
    uint8_t *line = malloc(width * PIXEL);
    bool ok = line != NULL, up = to->base == from->base && to->y > from->y;

    for (uint64_t i = 0; i < height && ok; i++) {
        uint64_t y = up ? height - 1 - i : i;

        ok = efi_read(call, row(from, y), line, width * PIXEL) == 0 &&
             efi_write(call, row(to, y), line, width * PIXEL) == 0;
    }
    free(line);
    return ok;
}

static bool fill_rows(struct efi_call *call, const struct side *to, uint64_t width, uint64_t height)
{
    uint32_t *line = malloc(width * PIXEL), pixel = 0;
    bool ok = line && efi_read(call, call->arg[1], &pixel, sizeof(pixel)) == 0;

    for (uint64_t x = 0; x < width && ok; x++)
        line[x] = pixel;
    for (uint64_t y = 0; y < height && ok; y++)
        ok = efi_write(call, row(to, y), line, width * PIXEL) == 0;
    free(line);
    return ok;
}

/* Blt(This, *Buffer, Operation, SourceX, SourceY, DestinationX, DestinationY, Width, Height, Delta)
 */
static efi_status blt(struct efi_call *call)
{
    const struct efi_config *c = &call->efi->config;
    uint64_t width = call->arg[7], height = efi_argument(call, 8), delta = efi_argument(call, 9);
    const uint64_t stride = (uint64_t)c->gop.width * PIXEL;
    uint32_t how = (uint32_t)call->arg[2];
    bool from_screen = how == BLT_TO_BUFFER || how == BLT_WITHIN, to_screen = how != BLT_TO_BUFFER;
    struct side from = {from_screen ? c->gop.base : call->arg[1], call->arg[3], call->arg[4],
                        stride};
    struct side to = {to_screen ? c->gop.base : call->arg[1], call->arg[5], call->arg[6], stride};

    if (how > BLT_WITHIN || !width || !height || width > c->gop.width || height > c->gop.height)
        return EFI_INVALID_PARAMETER;
    if ((from_screen && (!range_fits(from.x, width, c->gop.width) ||
                         !range_fits(from.y, height, c->gop.height))) ||
        (to_screen &&
         (!range_fits(to.x, width, c->gop.width) || !range_fits(to.y, height, c->gop.height))))
        return EFI_INVALID_PARAMETER;
    if (how == BLT_FILL)
        return fill_rows(call, &to, width, height) ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
    if (how == BLT_TO_BUFFER)
        to.stride = delta ? delta : width * PIXEL;
    if (how == BLT_FROM_BUFFER)
        from.stride = delta ? delta : width * PIXEL;
    return move_rows(call, &to, &from, width, height) ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
}

static const struct efi_method methods[] = {
    {0, "GOP.QueryMode", query_mode},
    {8, "GOP.SetMode", set_mode},
    {16, "Blt", blt},
};

const struct efi_protocol efi_graphics_output = {
    {0x9042a9de, 0x23dc, 0x4a38, {0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a}},
    "Graphics Output",
    32,
    methods,
    nitems(methods),
};

efi_status efi_graphics_start(struct efi *efi)
{
    const struct efi_config *c = &efi->config;
    uint8_t mode[MODE_LENGTH + INFO_LENGTH] = {0};
    uint64_t guest, handle = 0, at;
    efi_status status;

    if (!c->gop.width)
        return EFI_SUCCESS;
    status = efi_interface_new(efi, &efi_graphics_output, efi, sizeof(mode), &guest);
    if (status != EFI_SUCCESS)
        return status;
    at = guest + efi_graphics_output.size;
    store_le32(mode, 1);
    store_le64(mode + 8, at + MODE_LENGTH);
    store_le64(mode + 16, INFO_LENGTH);
    store_le64(mode + 24, c->gop.base);
    store_le64(mode + 32, (uint64_t)c->gop.width * c->gop.height * PIXEL);
    fill_info(c, mode + MODE_LENGTH);
    efi_poke(efi, at, mode, sizeof(mode));
    efi_poke64(efi, guest + 24, at);
    clear(efi);
    return efi_install(efi, &handle, &efi_graphics_output.guid, guest);
}
