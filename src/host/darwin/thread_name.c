/* SPDX-License-Identifier: ISC */
#include "host/private.h"

#include <pthread.h>
#include <stdio.h>

#define NAME_LENGTH 64 /* with its NUL: MAXTHREADNAMESIZE */

void host_thread_name(const char *name)
{
    char cut[NAME_LENGTH];

    snprintf(cut, sizeof(cut), "%s", name);
    pthread_setname_np(cut);
}
