/* SPDX-License-Identifier: ISC */
#include "cli/report.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/printable.h"

#define LINE_ROOM 1024

void report_init(struct report *report)
{
    *report = (struct report){.terminal = STDERR_FILENO};
    pthread_mutex_init(&report->lock, NULL);
}

void report_fini(struct report *report)
{
    logfile_close(report->file);
    pthread_mutex_destroy(&report->lock);
}

void report_to(struct report *report, int terminal)
{
    pthread_mutex_lock(&report->lock);
    report->terminal = terminal;
    pthread_mutex_unlock(&report->lock);
}

static void say(struct report *report, const char *word, const char *text)
{
    char line[LINE_ROOM];

    snprintf(line, sizeof(line), "%s%s", word, text);
    printable(line);
    if (report->file)
        logfile_write(report->file, line);
    pthread_mutex_lock(&report->lock);
    /* A raw terminal does not return the carriage by itself. */
    if (report->terminal >= 0)
        dprintf(report->terminal, "atoll: %s%s\n", line, isatty(report->terminal) ? "\r" : "");
    pthread_mutex_unlock(&report->lock);
}

void report_line(void *ctx, enum atoll_log_level level, const char *line)
{
    static const char *const words[] = {"error: ", "warning: ", "", "debug: "};

    say(ctx, words[level], line);
}

int report_failure(struct report *report, int status, const char *why)
{
    say(report, "", why);
    return status;
}
