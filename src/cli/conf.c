/* SPDX-License-Identifier: ISC */
#include "cli/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/parse.h"

#define BLANKS " \t\r"

/* --- one line --- */

static char *skip_blanks(char *at)
{
    return at + strspn(at, BLANKS);
}

static bool is_end(char c)
{
    return c == '\0' || c == '#';
}

/* Takes a value between quotes, with \" and \\ in it, in place; *at moves behind it. */
static int take_quoted(char **at, const char **value, struct error *err)
{
    char *from = *at + 1, *to = from;

    *value = from;
    for (; *from != '"'; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        else if (*from == '\\')
            return error_set(err, EINVAL, "between quotes, write \\\\ for a backslash");
        if (*from == '\0')
            return error_set(err, EINVAL, "the quote is not closed");
        *to++ = *from;
    }
    *to = '\0';
    *at = from + 1;
    return 0;
}

/* Takes a word up to a blank or the end; *at moves to that. */
static int take_word(char **at, const char **value, struct error *err)
{
    size_t length = strcspn(*at, BLANKS "#\"");

    *value = *at;
    *at += length;
    if (**at == '"' || (**at == '#' && length))
        return error_set(err, EINVAL, "a value with \"%c\" stands between quotes%s", **at,
                         **at == '#' ? "; before a comment there is a space" : "");
    return 0;
}

/* Cuts a line into a name and a value (NULL: none). Of a line that says nothing the name is NULL.
 */
static int cut(char *line, const char **name, const char **value, struct error *err)
{
    char *at = skip_blanks(line), *name_end, *value_end;
    int ret;

    *name = *value = NULL;
    if (is_end(*at))
        return 0;
    ret = take_word(&at, name, err);
    if (ret)
        return ret;
    name_end = at;
    at = skip_blanks(at);
    if (!is_end(*at)) {
        ret = *at == '"' ? take_quoted(&at, value, err) : take_word(&at, value, err);
        value_end = at;
        at = skip_blanks(at);
        if (!ret && (!is_end(*at) || (*at == '#' && at == value_end)))
            ret = error_set(err, EINVAL, "there is more than one value; \"%.80s\" is too much%s",
                            at, **value ? ", or quotes are missing around all of it" : "");
        if (!ret && *value_end)
            *value_end = '\0';
    }
    *name_end = '\0';
    return ret;
}

/* --- all of them --- */

/* The first statement says which language the others are in. */
static int check_version(const char *name, const char *value, struct error *err)
{
    uint64_t version;

    if (strcmp(name, "version") != 0)
        return error_set(err, EINVAL,
                         "\"%.80s\" stands before the version; begin with \"version "
                         "%d\"",
                         name, CONF_VERSION);
    if (!value || parse_number(value, UINT64_MAX, &version) || version == 0)
        return error_set(err, EINVAL, "the version is a number; write \"version %d\"",
                         CONF_VERSION);
    if (version > CONF_VERSION)
        return error_set(err, EINVAL,
                         "version %s is of a later atoll than this one, which knows version %d",
                         value, CONF_VERSION);
    return 0;
}

static int parse_line(struct options *o, char *line, bool *begun, const char *base,
                      struct error *err)
{
    const char *name, *value;
    int ret = cut(line, &name, &value, err);

    if (ret || !name)
        return ret;
    if (*begun && strcmp(name, "version") == 0)
        return error_set(err, EINVAL, "the version has been given already");
    if (*begun)
        return options_parse_line(o, name, value, base, err);
    *begun = true;
    return check_version(name, value, err);
}

int conf_parse(struct options *o, char *text, size_t length, const char *path, const char *base,
               struct error *err)
{
    bool begun = false;
    unsigned number = 0;

    if (strlen(text) != length)
        return error_set(err, EINVAL, "%s: this is no text: it has a NUL", path);
    for (char *line = text, *next; line; line = next) {
        size_t end = strcspn(line, "\n");

        next = line[end] ? line + end + 1 : NULL;
        line[end] = '\0';
        number++;
        if (parse_line(o, line, &begun, base, err))
            return error_prefix(err, "%s:%u", path, number);
    }
    return begun ? 0
                 : error_set(err, EINVAL, "%s: it says nothing; begin with \"version %d\"", path,
                             CONF_VERSION);
}

/* Who could write it could make the machine's owner open any file. */
static int check_file(int fd, const char *path, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st))
        return error_set(err, errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return error_set(err, EINVAL, "%s: it is no file", path);
    if (st.st_uid != geteuid() || (st.st_mode & 022))
        return error_set(err, EPERM, "%s: it must be yours, and nobody else's to write", path);
    return 0;
}

static int read_text(struct options *o, int fd, const char *path, char **text, size_t *length,
                     struct error *err)
{
    ssize_t part = 1;

    *text = options_keep(o, CONF_MAX + 2);
    if (!*text)
        return error_set(err, ENOMEM, "out of memory");
    for (*length = 0; *length <= CONF_MAX && part; *length += (size_t)part) {
        part = read(fd, *text + *length, CONF_MAX + 1 - *length);
        if (part < 0)
            return error_set(err, errno, "%s: cannot read it: %s", path, strerror(errno));
    }
    (*text)[*length] = '\0';
    return *length <= CONF_MAX
               ? 0
               : error_set(err, EFBIG, "%s: it is longer than %u KiB", path, CONF_MAX >> 10);
}

int conf_read(struct options *o, int folder, const char *base, struct error *err)
{
    char path[PATH_MAX + sizeof(CONF_FILE)], *text = NULL;
    size_t length = 0;
    int fd = openat(folder, CONF_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), ret;

    snprintf(path, sizeof(path), "%s/%s", base, CONF_FILE);
    if (fd < 0)
        return error_set(err, errno, "%s: cannot open it: %s", path, strerror(errno));
    ret = check_file(fd, path, err);
    ret = ret ? ret : read_text(o, fd, path, &text, &length, err);
    close(fd);
    return ret ? ret : conf_parse(o, text, length, path, base, err);
}

/* --- writing --- */

bool conf_writable(const char *value)
{
    for (; *value; value++)
        if ((unsigned char)*value < ' ' || *value == 0x7f)
            return false;
    return true;
}

void conf_write(FILE *to, const char *name, const char *value)
{
    bool quoted = value && (!*value || strpbrk(value, BLANKS "#\"\\"));

    fputs(name, to);
    if (value)
        fputc(' ', to);
    if (quoted)
        fputc('"', to);
    for (; value && *value; value++) {
        if (quoted && strchr("\"\\", *value))
            fputc('\\', to);
        fputc(*value, to);
    }
    fputs(quoted ? "\"\n" : "\n", to);
}
