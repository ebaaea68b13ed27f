/*
 * linger.h - reads and discards what a refused client still sends.
 *
 * Closing a socket with unread input makes the kernel send a reset, and the
 * client loses the answer that was on its way. So the descriptor is given to
 * this thread, which reads until the client closes, 5 seconds or 64 MiB.
 * Threads: linger_add() any.
 */
#ifndef GATEWAY_LINGER_H
#define GATEWAY_LINGER_H

#include "base/slice.h"

struct lingerer;
struct lingerer *linger_new(void); /* NULL with errno */
/* Takes the descriptor over; with too many of them it is closed at once. */
void linger_add(struct lingerer *l, int fd);
void linger_free(struct lingerer *l); /* NULL is fine */

#endif
