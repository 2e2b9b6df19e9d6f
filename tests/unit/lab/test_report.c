/* SPDX-License-Identifier: ISC */
/* TAP and JUnit's XML, of tests whose names and reasons are not made for either. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "lab/report.h"

static struct report_test tests[] = {
    {.name = "right", .took_ns = 1500000000},
    {.name = "a # <b> & \"c\"",
     .why = (char *)(uintptr_t) "first\nsecond \033[1m & <x>\n\303\244 \344 \355\240\200 "
                                "\360\237\220\241 \357\277\277 \303",
     .file = "x&y.lab",
     .line = 7},
    {.name = "not run", .skipped = "its lab is not up"},
};

static void test_tap(void **state)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    report_tap_begin(to, nitems(tests));
    for (size_t i = 0; i < nitems(tests); i++)
        report_tap(to, i + 1, &tests[i]);
    fclose(to);
    assert_string_equal(
        text, "TAP version 13\n1..3\n"
              "ok 1 - right\n  ---\n  seconds: 1.500\n  ...\n"
              "not ok 2 - a   <b> & \"c\"\n  ---\n  seconds: 0.000\n"
              "  at: x&y.lab:7\n  message: |\n    first\n    second ?[1m & <x>\n"
              "    \303\244 ? ??? \360\237\220\241 ??? ?\n"
              "  ...\n"
              "ok 3 - not run # SKIP its lab is not up\n  ---\n  seconds: 0.000\n  ...\n");
    free(text);
}

static void test_junit(void **state)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    assert_int_equal(report_junit(to, "l&b", tests, nitems(tests)), 0);
    fclose(to);
    assert_string_equal(
        text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
              "<testsuite name=\"l&amp;b\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" "
              "time=\"1.500\">\n"
              "  <testcase classname=\"l&amp;b\" name=\"right\" time=\"1.500\">\n  </testcase>\n"
              "  <testcase classname=\"l&amp;b\" name=\"a # &lt;b&gt; &amp; &quot;c&quot;\" "
              "time=\"0.000\">\n"
              "    <failure type=\"failure\" message=\"first\">x&amp;y.lab:7: first&#10;"
              "second ?[1m &amp; &lt;x&gt;&#10;\303\244 ? ??? \360\237\220\241 ??? ?"
              "</failure>\n  </testcase>\n"
              "  <testcase classname=\"l&amp;b\" name=\"not run\" time=\"0.000\">\n"
              "    <skipped message=\"its lab is not up\"/>\n  </testcase>\n"
              "</testsuite>\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_tap),
        cmocka_unit_test(test_junit),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
