/* SPDX-License-Identifier: ISC */
#include "host/private.h"

#include <pthread.h>
#include <stdio.h>

#define NAME_LENGTH 16 /* with its NUL: TASK_COMM_LEN, pthread_setname_np(3) */

void host_thread_name(const char *name)
{
    char cut[NAME_LENGTH];

    snprintf(cut, sizeof(cut), "%s", name);
    pthread_setname_np(pthread_self(), cut);
}
