/* SPDX-License-Identifier: ISC */
#ifndef SDK_SCHED_H
#define SDK_SCHED_H

int sched_yield(void);

#endif
