/* SPDX-License-Identifier: ISC */
/*
 * The user program, at EL0: it maps the display and paints on it, as an X server does. It lies in
 * the kernel's image, on pages of its own, and knows no address but relative to the program
 * counter.
 */
#include "picture.h"
#include "syscall.h"

__attribute__((section(".text.start"), noreturn, visibility("hidden"))) void
user_main(uint32_t first);

static uint64_t call(uint64_t number, uint64_t a0, uint64_t a1)
{
    register uint64_t x8 __asm__("x8") = number;
    register uint64_t x0 __asm__("x0") = a0;
    register uint64_t x1 __asm__("x1") = a1;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    return x0;
}

static void say(const char *text)
{
    uint64_t length = 0;

    while (text[length])
        length++;
    call(SYS_WRITE, (uint64_t)text, length);
}

/* Paints the rows from `first` to the last, and then those above. */
void user_main(uint32_t first)
{
    uint64_t size = call(SYS_FBINFO, 0, 0);
    uint32_t width = (uint32_t)(size >> 32), height = (uint32_t)size;
    volatile uint32_t *pixel = (volatile uint32_t *)call(SYS_MMAP, (uint64_t)width * height * 4, 0);

    if (!pixel) {
        say("user: no display\n");
        call(SYS_EXIT, 1, 0);
    }
    say("user: painting\n");
    for (uint32_t rows = 0, y = first % height; rows < height; rows++, y = (y + 1) % height)
        for (uint32_t x = 0; x < width; x++)
            pixel[y * width + x] = picture_pixel(x, y, width, height);
    say("user: painted\n");
    for (;;)
        call(SYS_EXIT, 0, 0);
}
