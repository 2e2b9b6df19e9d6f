/* SPDX-License-Identifier: ISC */
/*
 * CRC32 and CRC32C (Arm ARM C6.2): four bits at a time through a table of sixteen remainders.
 *
 * The architecture's pseudocode divides bit-reversed operands by the polynomial; working on
 * reflected remainders instead needs no reversal. The CPU leaves the initial and the final
 * inversion of the usual CRC-32 to software.
 */
#include "engine/interp/alu.h"

/* Remainders of 0 to 15 by 0x04c11db7, reflected. */
static const uint32_t crc32_nibble[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

/* Remainders of 0 to 15 by 0x1edc6f41 (Castagnoli), reflected. */
static const uint32_t crc32c_nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc_update(const uint32_t table[16], uint32_t crc, uint64_t data, unsigned bytes)
{
    for (unsigned i = 0; i < 2 * bytes; i++) {
        crc = crc >> 4 ^ table[(crc ^ data) & 15];
        data >>= 4;
    }
    return crc;
}

uint32_t alu_crc32(uint32_t crc, uint64_t data, unsigned bytes)
{
    return crc_update(crc32_nibble, crc, data, bytes);
}

uint32_t alu_crc32c(uint32_t crc, uint64_t data, unsigned bytes)
{
    return crc_update(crc32c_nibble, crc, data, bytes);
}
