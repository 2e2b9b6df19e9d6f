/* SPDX-License-Identifier: ISC */
/*
 * The text console on the screen, as characters (include/atoll/atoll.h).
 */
#include <errno.h>

#include "machine/machine.h"

int atoll_screen_text(struct atoll *vm, struct atoll_text *text, struct atoll_error *error)
{
    struct machine *m = (struct machine *)vm;
    struct error *err = (struct error *)error;

    if (!m->screen.display)
        return error_set(err, ENODEV, "the machine has no GPU; give it one with --gpu WxH");
    return error_set(err, ENODATA, "no font is known by which the screen could be read");
}
