/* SPDX-License-Identifier: ISC */
/*
 * EFI's services, called from the machine itself: what only an engine shows, interrupts, registers
 * and address spaces. tests/unit/firmware/test_efi_services.c has the rest.
 */
#include "efi.h"

#define UART UINT64_C(0x20100000)

static const struct guid loaded_image_guid = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

void say(struct program *p, const char *text)
{
    uint16_t wide[128];
    size_t n = 0;

    if (!p->boot) {
        while (*text)
            *(volatile uint32_t *)UART = (uint8_t)*text++;
        return;
    }
    for (; text[n] && n < 127; n++)
        wide[n] = (uint8_t)text[n];
    wide[n] = 0;
    uint64_t *out = (uint64_t *)p->system[SYSTEM_OUT];
    EFI_CALL(out, 1, out, wide);
}

void power_off(struct program *p)
{
    EFI_CALL(p->runtime, RESET_SYSTEM, RESET_SHUTDOWN, 0, 0, 0);
    say(p, "FAIL: ResetSystem came back\n");
    for (;;)
        ;
}

static void say_number(struct program *p, uint64_t number)
{
    char text[20];

    for (unsigned i = 0; i < 16; i++)
        text[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    text[16] = '\0';
    say(p, text);
}

void check(struct program *p, unsigned line, uint64_t is, uint64_t expected)
{
    if (is == expected)
        return;
    say(p, "FAIL: line ");
    say_number(p, line);
    say(p, ": ");
    say_number(p, is);
    say(p, ", not ");
    say_number(p, expected);
    say(p, "\n");
    power_off(p);
}

static bool is_word(const uint16_t *options, uint32_t size, const char *word)
{
    uint32_t i = 0;

    for (; word[i]; i++)
        if (i * 2 + 2 > size || options[i] != (uint8_t)word[i])
            return false;
    return true;
}

static uint64_t number_in(const uint16_t *options, uint32_t size)
{
    uint64_t number = 0;

    for (uint32_t i = 0; i * 2 < size && options[i]; i++)
        if (options[i] >= '0' && options[i] <= '9')
            number = number * 10 + (options[i] - '0');
    return number;
}

uint64_t efi_main(uint64_t image, uint64_t *system);

uint64_t efi_main(uint64_t image, uint64_t *system)
{
    struct program p = {.image = image,
                        .system = system,
                        .boot = (uint64_t *)system[SYSTEM_BOOT],
                        .runtime = (uint64_t *)system[SYSTEM_RUNTIME]};
    const uint16_t *o;
    uint32_t n;

    CHECK(&p, EFI_CALL(p.boot, HANDLE_PROTOCOL, image, &loaded_image_guid, &p.loaded), 0);
    o = p.loaded->options;
    n = p.loaded->options_size;
    if (is_word(o, n, "child"))
        return run_child(&p);
    if (is_word(o, n, "timers"))
        test_timers(&p);
    else if (is_word(o, n, "images"))
        test_images(&p);
    else if (is_word(o, n, "stack"))
        test_bad_stack(&p);
    else if (is_word(o, n, "crash"))
        test_crash(&p);
    else if (is_word(o, n, "take-over"))
        test_take_over(&p);
    else if (is_word(o, n, "wait"))
        test_wait(&p);
    else if (is_word(o, n, "wild"))
        test_wild(&p, number_in(o, n));
    else
        say(&p, "FAIL: which test?\n");
    say(&p, "done\n");
    power_off(&p);
}
