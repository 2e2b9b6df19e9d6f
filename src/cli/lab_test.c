/* SPDX-License-Identifier: ISC */
/*
 * `atoll lab test`: a lab is started, its tests run one after the other, and it is ended. What
 * comes of them is TAP on standard output, and JUnit's XML in a file. A step that fails ends its
 * test, and the next begins.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cli/lab_ask.h"
#include "cli/lab_bench.h"
#include "cli/lab_lend.h"
#include "host/clock.h"
#include "lab/report.h"

#define ONLY_MAX 64

struct request {
    struct lab_source source;
    const char *junit, *folder; /* junit NULL: none is wanted */
    const char *only[ONLY_MAX]; /* names of tests, or parts of them */
    size_t only_count;          /* 0: all */
    bool running;               /* on a lab that is up already */
};

static void run_test(struct bench *bench, size_t index, struct report_test *report)
{
    const struct config_test *test = &bench->config->tests[index];
    uint64_t began = host_clock_monotonic();
    struct error err;
    bool right = true;

    *bench->why = '\0';
    report->file = test->place.file;
    report->line = test->place.line;
    if (bench_capture_begin(bench, test, index + 1, &err))
        right = bench_fail(bench, "%s", err.text);
    for (size_t i = 0; i < test->step_count && right; i++) {
        right = bench_step(bench, test, &test->steps[i]);
        report->file = test->steps[i].place.file;
        report->line = test->steps[i].place.line;
    }
    if (!bench_capture_end(bench, right))
        report->why = strdup(bench->why);
    report->took_ns = host_clock_monotonic() - began;
}

static bool is_wanted(const struct request *request, const struct config_test *test)
{
    bool wanted = request->only_count == 0;

    for (size_t i = 0; i < request->only_count; i++)
        wanted = wanted || strstr(test->name, request->only[i]);
    return wanted;
}

/* Why a test is not run; NULL: it is. */
static const char *why_not(const struct request *request, const struct bench *bench,
                           const struct config_test *test)
{
    if (bench->interrupted)
        return "broken off";
    if (!is_wanted(request, test))
        return "not asked for";
    for (size_t i = 0; i < test->step_count && bench->borrowed; i++)
        if (test->steps[i].kind == CONFIG_STEP_STOP)
            return "it stops a machine of a lab that stays up";
    return NULL;
}

static bool run_tests(const struct request *request, struct bench *bench,
                      struct report_test *reports)
{
    const struct config *c = bench->config;
    bool right = true;

    report_tap_begin(stdout, c->test_count);
    for (size_t i = 0; i < c->test_count; i++) {
        struct report_test *report = &reports[i];

        report->name = c->tests[i].name;
        report->skipped = why_not(request, bench, &c->tests[i]);
        if (!report->skipped)
            run_test(bench, i, report);
        report_tap(stdout, i + 1, report);
        right = right && !report->why;
    }
    return right && !bench->interrupted;
}

static int write_junit(const struct request *request, const struct config *c,
                       const struct report_test *reports)
{
    FILE *to = fopen(request->junit, "we");
    int ret;

    if (!to)
        return fail(EXIT_STATUS_FAILURE, "%s: cannot write it: %s", request->junit,
                    strerror(errno));
    ret = report_junit(to, c->name, reports, c->test_count);
    if (fclose(to) || ret)
        return fail(EXIT_STATUS_FAILURE, "%s: cannot write it", request->junit);
    return 0;
}

static int run_bench(const struct request *request, struct lab_run *run)
{
    const struct config *c = &run->lab->config;
    struct report_test *reports = calloc(c->test_count + 1, sizeof(*reports));
    struct bench bench;
    struct error err;
    int status = 0;

    if (!reports)
        return fail(EXIT_STATUS_FAILURE, "out of memory");
    if (bench_init(&bench, run, request->folder, request->running, &err))
        status = fail(EXIT_STATUS_FAILURE, "%s", err.text);
    else if (!run_tests(request, &bench, reports))
        status = bench.interrupted ? EXIT_STATUS_QUIT : EXIT_STATUS_FAILURE;
    if (request->junit && reports[0].name && write_junit(request, c, reports))
        status = EXIT_STATUS_FAILURE;
    bench_fini(&bench);
    for (size_t i = 0; i < c->test_count; i++)
        free(reports[i].why);
    free(reports);
    return status;
}

/* On a lab that is up, and stays so. */
static int test_running(const struct request *request, struct lab *lab)
{
    struct lab_run run;
    struct error err;
    int status, connection = lab_borrow(&run, lab, &err);

    if (connection < 0)
        return fail(EXIT_STATUS_FAILURE, "%s", err.text);
    status = run_bench(request, &run);
    lab_return(&run, connection);
    return status;
}

static int test(const struct request *request, struct lab *lab)
{
    const struct config *c = &lab->config;
    struct lab_run run;
    bool any = false;
    int status;

    if (!c->test_count)
        return fail(EXIT_STATUS_USAGE, "%s has no tests; atoll.conf(5) says how they are written",
                    request->source.files[0]);
    for (size_t i = 0; i < c->test_count; i++)
        any = any || is_wanted(request, &c->tests[i]);
    if (!any)
        return fail(EXIT_STATUS_USAGE, "--only: no test's name has \"%s\" in it",
                    request->only[request->only_count - 1]);
    lab_run_catch_signals();
    if (request->running)
        return test_running(request, lab);
    status = lab_run_start(&run, lab, lab->config.name, stderr, -1);
    if (!status)
        status = run_bench(request, &run);
    lab_run_stop(&run);
    return status;
}

static int command_test(int argc, char **argv)
{
    struct request request = {.folder = "."};
    struct ask_flag flags[] = {
        {.name = "--junit", .value = true},
        {.name = "--captures", .value = true},
        {.name = "--only", .value = true, .all = request.only, .most = ONLY_MAX},
        {.name = "--running"}};
    struct lab lab;
    int status;

    if (lab_ask(argc, argv, flags, nitems(flags), &request.source, &status))
        return status;
    request.junit = flags[0].given;
    if (flags[1].given)
        request.folder = flags[1].given;
    request.only_count = flags[2].count;
    request.running = flags[3].given;
    status = lab_read(&lab, &request.source) ? EXIT_STATUS_USAGE : test(&request, &lab);
    lab_free(&lab);
    return status;
}

int command_lab(int argc, char **argv)
{
    static char name[] = "lab test"; /* whose usage is printed */

    if (argc > 1 && (strcmp(argv[1], "test") == 0 || strcmp(argv[1], "--help") == 0)) {
        char **rest = strcmp(argv[1], "test") == 0 ? argv + 1 : argv;

        *rest = name;
        return command_test(argc - (int)(rest - argv), rest);
    }
    return fail(EXIT_STATUS_USAGE, "usage: atoll lab test FILE ...");
}
