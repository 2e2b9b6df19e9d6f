/* SPDX-License-Identifier: ISC */
/* What a terminal would obey is not printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "cli/printable.h"

static void test_printable(void **state)
{
    static const struct {
        const char *text, *printed;
    } rows[] = {
        {"", ""},
        {"plain ~ text\tand\r\n", "plain ~ text\tand\r\n"},
        {"\033[2J\033]0;title\a", "?[2J?]0;title?"},
        {"\b\177\001", "???"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa1 \xc2\xa0",
         "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa1 \xc2\xa0"},
        {"\xc2\x9b"
         "2J",
         "??2J"}, /* CSI as one character */
        {"\x9b"
         "2J\x90",
         "?2J?"},      /* and as one byte */
        {"\xc3", "?"}, /* cut off, and so on */
        {"\xe2\x82", "??"},
        {"\xf0\x9f\x90"
         "A",
         "???A"},
        {"\xc0\x9b\xff\xf5", "????"}, /* no UTF-8 */
        {"\xc3\033[m", "??[m"},
    };

    for (size_t i = 0; i < nitems(rows); i++) {
        char text[64];

        snprintf(text, sizeof(text), "%s", rows[i].text);
        assert_int_equal(is_printable(text), strcmp(text, rows[i].printed) == 0);
        printable(text);
        assert_string_equal(text, rows[i].printed);
        assert_true(is_printable(text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_printable)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
