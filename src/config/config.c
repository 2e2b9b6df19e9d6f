/* SPDX-License-Identifier: ISC */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/private.h"

/* --- errors --- */

void config_report(struct config_parser *p, const struct config_place *place, const char *format,
                   ...)
{
    char line[512];
    va_list args;

    if (p->failed)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (char *at = line; *at; at++) /* what is quoted may hold anything */
        if (iscntrl((unsigned char)*at))
            *at = '?';
    p->errors++;
    p->io->report(p->io->ctx, place, line);
    if (p->errors == CONFIG_ERRORS_MAX) {
        p->io->report(p->io->ctx, place, "there are more errors; mend these first");
        p->failed = true;
    }
}

int config_no_memory(struct config_parser *p)
{
    config_report(p, &p->last.place, "out of memory");
    p->failed = true;
    return -ENOMEM;
}

/* --- all files --- */

/* "path/name.conf" is the lab "name"; what a name cannot have becomes "-". */
static const char *name_of(struct config_parser *p, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t length = strcspn(base, ".");
    char *name = config_keep_text(p->config, base, MIN(length, (size_t)CONFIG_NAME_MAX));

    if (!name) {
        config_no_memory(p);
        return "lab";
    }
    for (char *at = name; *at; at++)
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
              (*at >= '0' && *at <= '9') || (at > name && (*at == '_' || *at == '-'))))
            *at = at > name ? '-' : 'x';
    return *name ? name : "lab";
}

static void read_one(struct config_parser *p, const char *path)
{
    if (config_lex_open(p, path, NULL) == 0 && config_grammar_parse(p) && !p->failed && !p->errors)
        config_report(p, &p->last.place, "it cannot be read");
    while (p->input)
        config_lex_close(p);
    p->depth = p->owed.blocks = 0;
    p->resync = p->owed.before = p->owed.after = false;
    p->owed.token.kind = 0;
    p->replay.macro = NULL;
    p->last = (struct config_token){.kind = 0};
}

unsigned config_read(struct config *config, const char *const *paths, size_t count,
                     const struct config_io *io)
{
    struct config_parser *p = calloc(1, sizeof(*p));
    unsigned errors;

    *config = (struct config){0};
    if (!p) {
        const struct config_place place = {.file = count ? paths[0] : ""};

        io->report(io->ctx, &place, "out of memory");
        return 1;
    }
    p->config = config;
    p->io = io;
    for (size_t i = 0; i < io->macro_count; i++)
        config_lex_give(p, io->macros[i]);
    for (size_t i = 0; i < count && !p->failed; i++)
        read_one(p, paths[i]);
    if (!p->failed && !p->left_out && count)
        config_lex_check_given(p, paths[0]);
    if (!config->name)
        config->name = count ? name_of(p, paths[0]) : "lab";
    if (!p->failed && !p->left_out)
        config_check_whole(p);
    errors = p->errors;
    free(p);
    return errors;
}

void config_release(struct config *config)
{
    while (config->blocks) {
        struct config_block *block = config->blocks;

        config->blocks = block->next;
        free(block);
    }
    *config = (struct config){0};
}

/* --- looking for names --- */

const struct config_switch *config_switch_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->switch_count; i++)
        if (*name && strcmp(config->switches[i].name, name) == 0)
            return &config->switches[i];
    return NULL;
}

const struct config_vm *config_vm_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->vm_count; i++)
        if (*name && strcmp(config->vms[i].name, name) == 0)
            return &config->vms[i];
    return NULL;
}

const struct config_peer *config_peer_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->peer_count; i++)
        if (*name && strcmp(config->peers[i].name, name) == 0)
            return &config->peers[i];
    return NULL;
}

unsigned config_peer_mtu(const struct config *config, const struct config_peer *peer)
{
    const struct config_switch *wire = peer->wire ? config_switch_find(config, peer->wire) : NULL;

    return peer->mtu ? peer->mtu : wire && wire->mtu ? wire->mtu : CONFIG_MTU;
}

/* --- files --- */

static int read_all(int fd, char *text, size_t *length)
{
    ssize_t part = 1;

    for (*length = 0; *length <= CONFIG_FILE_MAX && part; *length += (size_t)part) {
        part = read(fd, text + *length, CONFIG_FILE_MAX + 1 - *length);
        if (part < 0)
            return -errno;
    }
    return *length <= CONFIG_FILE_MAX ? 0 : -EFBIG;
}

int config_read_file(void *ctx, const char *path, char **text, size_t *length, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;
    struct stat st;

    if (fd < 0)
        return error_set(err, errno, "cannot open \"%s\": %s", path, strerror(errno));
    *text = malloc(CONFIG_FILE_MAX + 2);
    if (!*text)
        ret = -ENOMEM;
    else if (fstat(fd, &st))
        ret = -errno;
    else
        ret = S_ISREG(st.st_mode) ? read_all(fd, *text, length) : -EINVAL;
    close(fd);
    if (ret) {
        free(*text);
        return error_set(err, -ret, "cannot read \"%s\": %s", path,
                         ret == -EINVAL ? "it is no file" : strerror(-ret));
    }
    (*text)[*length] = '\0';
    return 0;
}
