/* SPDX-License-Identifier: ISC */
/* What a client's user does: libvncserver's hooks, on the seat's thread. */
#ifndef VIEWER_SEAT_INPUT_H
#define VIEWER_SEAT_INPUT_H

#include "viewer/seat.h"

void seat_key(rfbBool down, rfbKeySym keysym, rfbClientPtr client);
void seat_pointer(int buttons, int x, int y, rfbClientPtr client);

/* Text that the client has cut or copied. A browser's page sends it to be typed at once; other
 * clients send whatever is on their clipboard: that waits until their user presses Ctrl-Alt-V. */
void seat_cut_latin1(char *text, int length, rfbClientPtr client);
void seat_cut_utf8(char *text, int length, rfbClientPtr client);

/* Keys and buttons that the client holds down are let go, and its text is forgotten. */
void seat_let_go(struct seat *seat);

#endif
