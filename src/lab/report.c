/* SPDX-License-Identifier: ISC */
#include "lab/report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NS 1000000000.0

/* How many bytes the character of UTF-8 that begins there has (RFC 3629); 0: it is none, as of a
 * console that says anything, or where a text was cut. A reader of XML would refuse the file. */
static size_t character_length(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = *at < 0x80   ? 1
                    : *at < 0xc2 ? 0
                    : *at < 0xe0 ? 2
                    : *at < 0xf0 ? 3
                    : *at < 0xf5 ? 4
                                 : 0;

    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) || /* overlong, surrogates */
        (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f) ||
        (*at == 0xef && at[1] == 0xbf && at[2] > 0xbd)) /* U+FFFE, U+FFFF */
        return 0;
    return length;
}

/* Writes the character there, or "?" in the place of what is none. Returns its bytes. */
static size_t print_character(FILE *to, const char *text)
{
    size_t length = character_length(text);

    if (length == 0 || (unsigned char)*text < ' ' || *text == 0x7f) {
        fputc('?', to);
        return 1;
    }
    fwrite(text, 1, length, to);
    return length;
}

/* --- TAP: https://testanything.org/tap-version-13-specification.html --- */

/* A "#" would begin a directive. */
static void print_name(FILE *to, const char *name)
{
    while (*name) {
        if (*name == '#' || *name == '\n') {
            fputc(' ', to);
            name++;
        } else {
            name += print_character(to, name);
        }
    }
}

/* Text as a block in YAML, each line indented. */
static void print_block(FILE *to, const char *text)
{
    while (*text) {
        fputs("    ", to);
        while (*text && *text != '\n') {
            if (*text == '\t')
                fputc('\t', to);
            text += *text == '\r' || *text == '\t' ? 1 : print_character(to, text);
        }
        fputc('\n', to);
        text += *text == '\n';
    }
}

void report_tap_begin(FILE *to, size_t count)
{
    fprintf(to, "TAP version 13\n1..%zu\n", count);
    fflush(to);
}

void report_tap(FILE *to, size_t number, const struct report_test *test)
{
    fprintf(to, "%s %zu - ", test->why ? "not ok" : "ok", number);
    print_name(to, test->name);
    if (test->skipped)
        fprintf(to, " # SKIP %s", test->skipped);
    fputc('\n', to);
    fprintf(to, "  ---\n  seconds: %.3f\n", (double)test->took_ns / NS);
    if (test->why) {
        fprintf(to, "  at: %s:%u\n  message: |\n", test->file, test->line);
        print_block(to, test->why);
    }
    fputs("  ...\n", to);
    fflush(to);
}

/* --- JUnit, as Jenkins and the others read it --- */

/* XML 1.0 has no control characters but these, whatever they are escaped as. */
static void print_xml(FILE *to, const char *text, size_t length)
{
    for (const char *end = text + length; text < end && *text;) {
        const char *escaped = *text == '&'    ? "&amp;"
                              : *text == '<'  ? "&lt;"
                              : *text == '>'  ? "&gt;"
                              : *text == '"'  ? "&quot;"
                              : *text == '\n' ? "&#10;"
                              : *text == '\t' ? "&#9;"
                                              : NULL;

        if (escaped)
            fputs(escaped, to);
        text += escaped || *text == '\r' ? 1 : print_character(to, text);
    }
}

/* The message is what a list of tests has room for. */
static void print_failure(FILE *to, const struct report_test *test)
{
    fputs("    <failure type=\"failure\" message=\"", to);
    print_xml(to, test->why, strcspn(test->why, "\n"));
    fputs("\">", to);
    print_xml(to, test->file, strlen(test->file));
    fprintf(to, ":%u: ", test->line);
    print_xml(to, test->why, strlen(test->why));
    fputs("</failure>\n", to);
}

static void print_case(FILE *to, const char *lab, const struct report_test *test)
{
    fputs("  <testcase classname=\"", to);
    print_xml(to, lab, strlen(lab));
    fputs("\" name=\"", to);
    print_xml(to, test->name, strlen(test->name));
    fprintf(to, "\" time=\"%.3f\">\n", (double)test->took_ns / NS);
    if (test->skipped)
        fprintf(to, "    <skipped message=\"%s\"/>\n", test->skipped);
    if (test->why)
        print_failure(to, test);
    fputs("  </testcase>\n", to);
}

int report_junit(FILE *to, const char *lab, const struct report_test *tests, size_t count)
{
    size_t failures = 0, skipped = 0;
    uint64_t took = 0;

    for (size_t i = 0; i < count; i++) {
        failures += tests[i].why != NULL;
        skipped += tests[i].skipped != NULL;
        took += tests[i].took_ns;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"", to);
    print_xml(to, lab, strlen(lab));
    fprintf(to, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\">\n",
            count, failures, skipped, (double)took / NS);
    for (size_t i = 0; i < count; i++)
        print_case(to, lab, &tests[i]);
    fputs("</testsuite>\n", to);
    return fflush(to) || ferror(to) ? -EIO : 0;
}
