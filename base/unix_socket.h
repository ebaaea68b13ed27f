/*
 * unix_socket.h - unix sockets between our own programs on one machine.
 *
 * A server is one thread that accepts and hands each peer to its function.
 * Peers must have our own uid or be root (SO_PEERCRED); others are logged and
 * dropped. Threads: any.
 */
#ifndef BASE_UNIX_SOCKET_H
#define BASE_UNIX_SOCKET_H

#include "base/buf.h"

struct unix_server;

/*
 * One peer, in the server's thread: the next one waits until this returns.
 * @fd: the function's own, to be closed by it, without timeouts
 * @stop: readable once the server is to end; poll it in long waits
 */
typedef void (*unix_peer)(void *ctx, int fd, int stop);

/*
 * unix_server_start - listens at @path (0600). A socket that a killed process
 * left there is replaced, so only the holder of a lock may call this; any
 * other file in the way is left alone.
 * @name: of the thread and in the log; must outlive the server
 * Returns NULL with one line in err.
 */
struct unix_server *unix_server_start(const char *path, const char *name,
				      unix_peer peer, void *ctx, char err[512]);
/* Ends the thread, removes the socket. NULL is fine. */
void unix_server_stop(struct unix_server *s);

/* Connected, each later wait bounded by @timeout_s; or -1 with errno. */
int MUST_CHECK unix_connect(const char *path, int timeout_s);
/* Bounds each blocking send and receive. */
void unix_set_timeout(int fd, int timeout_s);

/*
 * unix_read_line - what comes before a newline, into an empty @line, whose
 * bound is the longest line. The newline ends the peer's turn: nothing may
 * come behind it.
 * @stop: of unix_peer, or -1
 * Returns 0, or -1: late, too long, ended; line->n tells how much came.
 */
int MUST_CHECK unix_read_line(int fd, int stop, int timeout_ms,
			      struct buf *line);
/* The same, and a descriptor when one came with the line: *passed, the
 * caller's to close, or -1. */
int MUST_CHECK unix_read_line_fd(int fd, int stop, int timeout_ms,
				 struct buf *line, int *passed);
/* Sends a line and a descriptor for the peer, as unix_send(). */
int MUST_CHECK unix_send_fd(int fd, struct slice data, int passed);
/* All of it, each wait bounded by unix_set_timeout(). 0 or -1. */
int MUST_CHECK unix_send(int fd, struct slice data);
/*
 * unix_ask - sends a line (with its newline) to the server at @path and reads
 * its line into @answer, without newline. 0, or -1 with errno: of connect()
 * when no server is there, ECONNRESET when it did not answer.
 */
int MUST_CHECK unix_ask(const char *path, struct slice line, int timeout_s,
			struct buf *answer);

#endif
