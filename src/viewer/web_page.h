/* SPDX-License-Identifier: ISC */
/*
 * The files that a browser may ask for, made of page/ at build time (page/embed.py).
 */
#ifndef VIEWER_WEB_PAGE_H
#define VIEWER_WEB_PAGE_H

#include <stddef.h>

struct web_file {
    const char *path, *type;
    const unsigned char *bytes;
    size_t length;
};

extern const struct web_file web_files[];
extern const size_t web_file_count;

/* The Content-Security-Policy: nothing but the style and the script that the page holds, by their
 * hashes, and the websocket. */
extern const char web_page_policy[];

#endif
