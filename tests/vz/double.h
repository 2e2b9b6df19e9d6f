/* SPDX-License-Identifier: ISC */
/*
 * A double of what src/vz/ stands on: the Objective-C runtime, libdispatch and the classes of
 * vz/table.def, under their own names, as a macOS of any version would have them.
 *
 * It records every method that is called, and watches over the rules:
 *   - an object is initialised once, before anything else; is released as often as it was made or
 *     retained; is not touched afterwards; and is gone at the end;
 *   - autoreleased objects have a pool, and every pool is popped by the thread that pushed it;
 *   - a machine is made from a configuration that has been validated as it is, and is touched, and
 *     released for the last time, on its own queue alone, which nobody waits for from itself;
 *   - AppKit is touched from the main thread alone, and a window is closed before it goes;
 *   - a class or method that is not in the table, or newer than the system, is not there;
 *   - a class that is disposed of has no object left;
 *   - what is read from a completion handler's block is what the block ABI says.
 * What breaks one is a line of double_faults. Nothing here stops the program: tests ask.
 */
#ifndef TESTS_VZ_DOUBLE_H
#define TESTS_VZ_DOUBLE_H

#include "vz/objc.h"

/* Starts anew, as macOS `major`.`minor`. */
void double_begin(long major, long minor);

/* Everything that was made is gone, or it is a fault. Returns the faults, one a line; "" is none.
 * Valid until the next double_begin. */
const char *double_end(void);

/* So far. */
const char *double_faults(void);

/* The next call of this method fails: an init method gives nil, the others false or a completion
 * handler's error, with an NSError like this where the method has one. */
void double_fail(enum vz_method method, const char *domain, long code, const char *description);

/* How often a method has been called, and where its first call stands among all calls (-1: none).
 */
unsigned double_calls(enum vz_method method);
int double_order(enum vz_method method);

/* This system lacks a method that it should have. */
void double_lacks(enum vz_method method);

/* This system does not have the framework. */
void double_unloadable(void);

/* What isSupported says; true at first. */
void double_supported(bool supported);
void double_nested(bool nested); /* whether its processor has EL2 for guests */

/* --- the machine that was made last --- */

/* What a setter of the machine's configuration, or of an object in it, was given: the `index`th
 * element of an array, or the object itself. NULL: not set. */
id double_configured(enum vz_method setter, size_t index);
id double_object(id object, enum vz_method setter);
int64_t double_number(id object, enum vz_method setter);
const char *double_text(id string); /* an NSString's, or an NSURL's path */
const char *double_class(id object);
int double_descriptor(id handle); /* an NSFileHandle's */

/* Completion handlers wait until they are let go. */
void double_hold(bool hold);

/* The guest, or the framework, ends the machine; a network card loses its connection. Each runs on
 * the machine's queue, and has run when the function returns. */
void double_guest_stops(void);
void double_machine_fails(const char *domain, long code, const char *description);
void double_network_lost(const char *domain, long code, const char *description);

/* Waits until the machine's queue has nothing to do. */
void double_drain(void);

/* Of the window, or NULL while there is none: its title; whether it may be closed, on the main
 * thread, which is the test's. */
id double_window(void);
bool double_close_window(void);

/* What nextEventMatchingMask does before it returns an event, on the main thread. */
void double_on_event(void (*work)(void *ctx), void *ctx);

uint64_t double_balloon_target(void);
unsigned double_power_presses(void);

#endif
