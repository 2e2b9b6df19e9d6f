/* SPDX-License-Identifier: ISC */
/*
 * Keys by name and by X11 keysym (X Window System Protocol, appendix A), as usages of the keyboard
 * page (HID Usage Tables 1.12, page 7); and which keysyms are characters.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "backend/input/hub.h"

/* A key has as many rows as it has names and keysyms. */
static const struct {
    uint16_t usage;
    uint32_t keysym; /* 0: none */
    const char *name;
} keys[] = {
    {0x28, 0xff0d, "ENTER"},
    {0x28, 0xff0a, "RETURN"}, /* Linefeed */
    {0x29, 0xff1b, "ESC"},
    {0x29, 0, "ESCAPE"},
    {0x2a, 0xff08, "BACKSPACE"},
    {0x2b, 0xff09, "TAB"},
    {0x2b, 0xfe20, NULL}, /* ISO_Left_Tab: with Shift */
    {0x2c, 0, "SPACE"},
    {0x39, 0xffe5, "CAPSLOCK"},
    {0x3a, 0xffbe, "F1"},
    {0x3b, 0xffbf, "F2"},
    {0x3c, 0xffc0, "F3"},
    {0x3d, 0xffc1, "F4"},
    {0x3e, 0xffc2, "F5"},
    {0x3f, 0xffc3, "F6"},
    {0x40, 0xffc4, "F7"},
    {0x41, 0xffc5, "F8"},
    {0x42, 0xffc6, "F9"},
    {0x43, 0xffc7, "F10"},
    {0x44, 0xffc8, "F11"},
    {0x45, 0xffc9, "F12"},
    {0x68, 0xffca, "F13"},
    {0x69, 0xffcb, "F14"},
    {0x6a, 0xffcc, "F15"},
    {0x6b, 0xffcd, "F16"},
    {0x6c, 0xffce, "F17"},
    {0x6d, 0xffcf, "F18"},
    {0x6e, 0xffd0, "F19"},
    {0x6f, 0xffd1, "F20"},
    {0x70, 0xffd2, "F21"},
    {0x71, 0xffd3, "F22"},
    {0x72, 0xffd4, "F23"},
    {0x73, 0xffd5, "F24"},
    {0x46, 0xff61, "PRINT"},
    {0x46, 0xff15, "SYSRQ"},
    {0x47, 0xff14, "SCROLLLOCK"},
    {0x48, 0xff13, "PAUSE"},
    {0x48, 0xff6b, "BREAK"},
    {0x49, 0xff63, "INSERT"},
    {0x49, 0xff9e, "INS"}, /* from the keypad, and so on */
    {0x4a, 0xff50, "HOME"},
    {0x4a, 0xff95, NULL},
    {0x4b, 0xff55, "PAGEUP"},
    {0x4b, 0xff9a, "PGUP"},
    {0x4c, 0xffff, "DELETE"},
    {0x4c, 0xff9f, "DEL"},
    {0x4d, 0xff57, "END"},
    {0x4d, 0xff9c, NULL},
    {0x4e, 0xff56, "PAGEDOWN"},
    {0x4e, 0xff9b, "PGDN"},
    {0x4f, 0xff53, "RIGHT"},
    {0x4f, 0xff98, NULL},
    {0x50, 0xff51, "LEFT"},
    {0x50, 0xff96, NULL},
    {0x51, 0xff54, "DOWN"},
    {0x51, 0xff99, NULL},
    {0x52, 0xff52, "UP"},
    {0x52, 0xff97, NULL},
    {0x53, 0xff7f, "NUMLOCK"},
    {0x54, 0xffaf, "KPSLASH"},
    {0x55, 0xffaa, "KPSTAR"},
    {0x56, 0xffad, "KPMINUS"},
    {0x57, 0xffab, "KPPLUS"},
    {0x58, 0xff8d, "KPENTER"},
    {0x59, 0xffb1, "KP1"},
    {0x5a, 0xffb2, "KP2"},
    {0x5b, 0xffb3, "KP3"},
    {0x5c, 0xffb4, "KP4"},
    {0x5d, 0xffb5, "KP5"},
    {0x5d, 0xff9d, NULL},
    {0x5e, 0xffb6, "KP6"},
    {0x5f, 0xffb7, "KP7"},
    {0x60, 0xffb8, "KP8"},
    {0x61, 0xffb9, "KP9"},
    {0x62, 0xffb0, "KP0"},
    {0x63, 0xffae, "KPDOT"},
    {0x67, 0xffbd, "KPEQUAL"},
    {0x85, 0xffac, "KPCOMMA"},
    {0x65, 0xff67, "MENU"},
    {0x66, 0x1008ff2a, "POWER"},
    {0x75, 0xff6a, "HELP"},
    {0x7f, 0x1008ff12, "MUTE"},
    {0x80, 0x1008ff13, "VOLUMEUP"},
    {0x81, 0x1008ff11, "VOLUMEDOWN"},
    {0x35, 0xff2a, NULL},       /* Zenkaku_Hankaku */
    {0x88, 0xff27, "KATAKANA"}, /* Hiragana_Katakana */
    {0x8a, 0xff23, "HENKAN"},
    {0x8b, 0xff22, "MUHENKAN"},
    {0xe0, 0xffe3, "CTRL"},
    {0xe0, 0, "CONTROL"},
    {0xe1, 0xffe1, "SHIFT"},
    {0xe2, 0xffe9, "ALT"},
    {0xe2, 0, "OPTION"},
    {0xe3, 0xffe7, "META"},
    {0xe3, 0xffeb, "SUPER"},
    {0xe3, 0xffed, "WIN"}, /* Hyper_L */
    {0xe3, 0, "CMD"},
    {0xe4, 0xffe4, "RCTRL"},
    {0xe5, 0xffe2, "RSHIFT"},
    {0xe6, 0xffea, "RALT"},
    {0xe6, 0xfe03, "ALTGR"}, /* ISO_Level3_Shift */
    {0xe6, 0xff7e, NULL},    /* Mode_switch */
    {0xe7, 0xffe8, "RMETA"},
    {0xe7, 0xffec, "RSUPER"},
    {0xe7, 0xffee, NULL}, /* Hyper_R */
};

bool keysym_key(uint32_t keysym, uint16_t *usage)
{
    for (size_t i = 0; i < nitems(keys); i++) {
        if (keysym && keys[i].keysym == keysym) {
            *usage = keys[i].usage;
            return true;
        }
    }
    return false;
}

/* Characters whose keysyms are older than the rule that a keysym is Unicode and 0x1000000. */
static const struct {
    uint16_t keysym, character;
} old_keysyms[] = {
    {0x1a1, L'Ą'},  {0x1a3, L'Ł'}, {0x1a6, L'Ś'}, {0x1a9, L'Š'},  {0x1ab, L'Ť'},  {0x1ac, L'Ź'},
    {0x1ae, L'Ž'},  {0x1af, L'Ż'}, {0x1b1, L'ą'}, {0x1b3, L'ł'},  {0x1b6, L'ś'},  {0x1b7, L'ˇ'},
    {0x1b9, L'š'},  {0x1bb, L'ť'}, {0x1bc, L'ź'}, {0x1be, L'ž'},  {0x1bf, L'ż'},  {0x1c6, L'Ć'},
    {0x1c8, L'Č'},  {0x1ca, L'Ę'}, {0x1cc, L'Ě'}, {0x1cf, L'Ď'},  {0x1d1, L'Ń'},  {0x1d2, L'Ň'},
    {0x1d8, L'Ř'},  {0x1e6, L'ć'}, {0x1e8, L'č'}, {0x1ea, L'ę'},  {0x1ec, L'ě'},  {0x1ef, L'ď'},
    {0x1f1, L'ń'},  {0x1f2, L'ň'}, {0x1f8, L'ř'}, {0x13bc, L'Œ'}, {0x13bd, L'œ'}, {0x13be, L'Ÿ'},
    {0x20ac, L'€'},
};

uint32_t keysym_character(uint32_t keysym)
{
    if ((keysym >= 0x20 && keysym <= 0x7e) || (keysym >= 0xa0 && keysym <= 0xff))
        return keysym;
    if (keysym >= 0x1000020 && keysym <= 0x110ffff)
        return keysym - 0x1000000;
    for (size_t i = 0; i < nitems(old_keysyms); i++)
        if (old_keysyms[i].keysym == keysym)
            return old_keysyms[i].character;
    return 0;
}

uint32_t keysym_dead(uint32_t keysym)
{
    /* dead_grave, _acute, _circumflex, _tilde, _macron, _breve, _abovedot, _diaeresis, _abovering,
     * _doubleacute, _caron, _cedilla */
    static const uint16_t combining[] = {0x300, 0x301, 0x302, 0x303, 0x304, 0x306,
                                         0x307, 0x308, 0x30a, 0x30b, 0x30c, 0x327};

    return keysym >= 0xfe50 && keysym < 0xfe50 + nitems(combining) ? combining[keysym - 0xfe50] : 0;
}

uint32_t keysym_keypad(uint32_t keysym)
{
    if (keysym >= 0xffb0 && keysym <= 0xffb9)
        return '0' + keysym - 0xffb0;
    return keysym == 0xffae ? '.' : 0;
}

bool key_named(const char *name, size_t length, uint16_t *usage)
{
    for (size_t i = 0; i < nitems(keys); i++) {
        if (keys[i].name && strlen(keys[i].name) == length &&
            strncasecmp(keys[i].name, name, length) == 0) {
            *usage = keys[i].usage;
            return true;
        }
    }
    return false;
}

/* --- for a name that no key has --- */

#define NAME_MAX_LENGTH 16

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* How many characters must be put in, taken out or changed to make b of a (Levenshtein). */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned row[NAME_MAX_LENGTH + 1];

    for (size_t j = 0; j <= b_length; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned changed = diagonal + (upper(a[i - 1]) != upper(b[j - 1]));

            diagonal = row[j];
            row[j] = MIN(changed, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

void key_names_near(const char *name, size_t length, char *text, size_t room)
{
    size_t used = 0;

    text[0] = '\0';
    if (length < 2 || length > NAME_MAX_LENGTH)
        return;
    for (unsigned d = 1; d <= 2 && d < length && !used; d++) {
        for (size_t i = 0; i < nitems(keys); i++) {
            size_t other = keys[i].name ? strlen(keys[i].name) : 0;

            if (other == 0 || distance(name, length, keys[i].name, other) != d ||
                used + other + 3 > room)
                continue;
            used +=
                (size_t)snprintf(text + used, room - used, "%s%s", used ? ", " : "", keys[i].name);
        }
    }
}
