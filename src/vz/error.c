/* SPDX-License-Identifier: ISC */
/*
 * What the framework's errors mean. An NSError is a domain, a code within it and a sentence in the
 * user's language, which is often "Internal Virtualization error": the words here say what is
 * usually behind it and what helps, and the sentence follows in parentheses.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vz/private.h"

struct meaning {
    const char *domain;
    long code;
    int number; /* a positive errno */
    const char *words;
};

/* VZError.h; FoundationErrors.h. */
static const struct meaning meanings[] = {
    {"VZErrorDomain", 1, EIO,
     "Apple's framework failed inside, and does not say at what; the log of its process does: `log "
     "show --last 5m --predicate 'process CONTAINS \"Virtualization\"'`"},
    {"VZErrorDomain", 2, EINVAL, "the framework does not take this configuration"},
    {"VZErrorDomain", 3, EINVAL, "the machine is in a state in which this cannot be done"},
    {"VZErrorDomain", 4, EINVAL, "the machine cannot change to that state from the one it is in"},
    {"VZErrorDomain", 5, EINVAL,
     "the framework does not take the image: it is no raw image, or another program has it open"},
    {"VZErrorDomain", 6, EAGAIN, "macOS runs as many machines as it allows; stop another one"},
    {"VZErrorDomain", 7, ENETDOWN, "the host's network failed"},
    {"VZErrorDomain", 8, ENOSPC, "the disk that holds the machine's files is full"},
    {"VZErrorDomain", 9, ECANCELED, "it was broken off"},
    {"VZErrorDomain", 10, ENOTSUP, "this Mac or this macOS cannot do it"},
    {"VZErrorDomain", 11, EIO, "the machine's state could not be saved"},
    {"VZErrorDomain", 12, EIO, "the machine's state could not be restored"},
    {"NSCocoaErrorDomain", 4, ENOENT, "there is no such file"},
    {"NSCocoaErrorDomain", 257, EACCES, "you may not read the file"},
    {"NSCocoaErrorDomain", 260, ENOENT, "there is no such file"},
    {"NSCocoaErrorDomain", 512, EIO, "the file cannot be written"},
    {"NSCocoaErrorDomain", 513, EACCES, "you may not write there"},
    {"NSCocoaErrorDomain", 516, EEXIST, "the file is there already"},
    {"NSCocoaErrorDomain", 640, ENOSPC, "the disk is full"},
    {"NSCocoaErrorDomain", 642, EROFS, "the disk is read-only"},
};

/* The framework has no code for the commonest reason of all. */
static const struct meaning unsigned_program = {
    NULL, 0, EPERM,
    "this program is not signed with the entitlement com.apple.security.virtualization, which "
    "every user of the framework needs; `make` signs it, docs/macos.md says how to do it by hand"};

/* The text of an NSString; "" for NULL. Valid until the pool goes. */
static const char *text_of(id string)
{
    const char *text = string ? SEND(string, utf8) : NULL;

    return text ? text : "";
}

static struct meaning meaning_of(const char *domain, long code, const char *description)
{
    if (strstr(description, "com.apple.security.virtualization"))
        return unsigned_program;
    for (size_t i = 0; i < nitems(meanings); i++)
        if (meanings[i].code == code && strcmp(meanings[i].domain, domain) == 0)
            return meanings[i];
    if (strcmp(domain, "NSPOSIXErrorDomain") == 0 && code > 0 && code < 256)
        return (struct meaning){domain, code, (int)code, strerror((int)code)};
    return (struct meaning){domain, code, EIO, "the framework says only this"};
}

int vz_explain(id error, struct error *err, const char *what, ...)
{
    const char *domain, *description, *reason;
    struct meaning meaning;
    char before[256];
    va_list args;
    long code;

    va_start(args, what);
    vsnprintf(before, sizeof(before), what, args);
    va_end(args);
    if (!error)
        return error_set(err, EIO, "%s: the framework does not say why", before);
    domain = text_of(SEND(error, error_domain));
    code = SEND(error, error_code);
    description = text_of(SEND(error, error_description));
    reason = text_of(SEND(error, error_reason));
    meaning = meaning_of(domain, code, description);
    if (strstr(description, reason))
        reason = "";
    return error_set(err, meaning.number, "%s: %s (%s %ld: %s%s%s)", before, meaning.words, domain,
                     code, description, *reason ? " " : "", reason);
}
