/* SPDX-License-Identifier: ISC */
/*
 * Text on the display: 80 by 25 characters of 8 by 16 pixels, as large as they fit and in the
 * middle. Every function takes NULL for a machine without a display and does nothing.
 */
#ifndef FIRMWARE_EFI_SCREEN_H
#define FIRMWARE_EFI_SCREEN_H

#include "firmware/efi/efi.h"

#define EFI_COLUMNS 80u
#define EFI_ROWS    25u

struct efi_screen;

/* `display` stays the caller's. It is black from now on. Returns 0, or -ENOMEM; *screen is NULL
 * when the display is too small for the text. */
int efi_screen_new(struct efi_screen **screen, const struct efi_display *display);
void efi_screen_free(struct efi_screen *screen);

/* A character in the attribute's colours (UEFI 2.10, 12.4: bits 0 to 3 the character's, 4 to 6 the
 * background's); a new empty row at the bottom; all rows empty. Nothing is seen until
 * efi_screen_show(), which draws what differs, with the cursor. */
void efi_screen_put(struct efi_screen *screen, int32_t row, int32_t column, uint16_t character,
                    int32_t attribute);
void efi_screen_scroll(struct efi_screen *screen, int32_t attribute);
void efi_screen_clear(struct efi_screen *screen, int32_t attribute);
void efi_screen_show(struct efi_screen *screen, int32_t row, int32_t column, bool cursor);

#endif
