/*
 * server_request.h - what the daemon calls, by the protocol of
 * libmicrohttpd's MHD_start_daemon(): private to the server. cls is the
 * struct http_server.
 */
#ifndef GATEWAY_SERVER_REQUEST_H
#define GATEWAY_SERVER_REQUEST_H

#include "gateway/http/exchange.h"

#include <microhttpd.h>

/* The request line has come: begins the exchange. */
void *server_on_target(void *cls, const char *target,
		       struct MHD_Connection *mhd);
/* Headers, then each piece of body, then the end. */
enum MHD_Result server_on_request(void *cls, struct MHD_Connection *mhd,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *data_n, void **ctx);
/* The request is over: ends the exchange. */
void server_on_completed(void *cls, struct MHD_Connection *mhd, void **ctx,
			 enum MHD_RequestTerminationCode why);
/* A connection came or went. */
void server_on_connection(void *cls, struct MHD_Connection *mhd,
			  void **socket_context,
			  enum MHD_ConnectionNotificationCode what);

#endif
