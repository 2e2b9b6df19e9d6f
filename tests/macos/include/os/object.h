/* SPDX-License-Identifier: ISC */
/* Counted objects of the system's C interfaces. */
#ifndef TESTS_OS_OBJECT_H
#define TESTS_OS_OBJECT_H

void *os_retain(void *object);
void os_release(void *object);

#endif
