/* SPDX-License-Identifier: ISC */
/*
 * Two attacks shape this file. A page anywhere on the internet may open a websocket to this host's
 * loopback: it cannot forge its Origin (RFC 6455, 10.2), so Origin has to be this server. And its
 * name may be made to resolve to 127.0.0.1 after it was loaded ("DNS rebinding"), which makes it of
 * the same origin: it cannot forge Host, so Host has to be an address, which no resolver is asked
 * for, or a name of ours.
 */
#include "viewer/web_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "viewer/web_page.h"
#include "viewer/web_socket.h"

/* A part of the request. */
struct text {
    const char *at;
    size_t length;
};

/* The fields that matter (RFC 9110, section 5), in the order of field_names. */
enum field {
    FIELD_HOST,
    FIELD_ORIGIN,
    FIELD_CONNECTION,
    FIELD_UPGRADE,
    FIELD_KEY,
    FIELD_VERSION,
    FIELD_PROTOCOL,
    FIELD_LENGTH,
    FIELD_CODING,
    FIELDS
};

static const struct {
    const char *name;
    bool list; /* may be sent in several lines; the last is kept: nobody does */
} fields[FIELDS] = {
    [FIELD_HOST] = {"Host", false},
    [FIELD_ORIGIN] = {"Origin", false},
    [FIELD_CONNECTION] = {"Connection", true},
    [FIELD_UPGRADE] = {"Upgrade", true},
    [FIELD_KEY] = {"Sec-WebSocket-Key", false},
    [FIELD_VERSION] = {"Sec-WebSocket-Version", false},
    [FIELD_PROTOCOL] = {"Sec-WebSocket-Protocol", true},
    [FIELD_LENGTH] = {"Content-Length", false},
    [FIELD_CODING] = {"Transfer-Encoding", false},
};

struct request {
    struct text method, path;
    struct text field[FIELDS]; /* `at` is NULL: not there */
};

static const struct {
    unsigned status;
    const char *reason, *about;
} statuses[] = {
    {200, "OK", ""},
    {400, "Bad Request", "This is no HTTP/1.1 request that a browser would send."},
    {403, "Forbidden",
     "This screen is for pages of its own, asked for by its own name, and unless it has a "
     "password\n"
     "for the user who runs the machine."},
    {404, "Not Found", "There is only one page here: /"},
    {405, "Method Not Allowed", "Only GET and HEAD are possible here."},
    {408, "Request Timeout", "The request took too long."},
    {426, "Upgrade Required", "Only websockets of version 13 are possible here."},
    {431, "Request Header Fields Too Large", "The request is too long."},
    {503, "Service Unavailable", "There are too many viewers already."},
    {505, "HTTP Version Not Supported", "Only HTTP/1.1 is possible here."},
};

static bool text_is(struct text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.at, word, text.length) == 0;
}

static bool text_is_name(struct text text, const char *name)
{
    return text.length == strlen(name) && strncasecmp(text.at, name, text.length) == 0;
}

static struct text text_trim(struct text text)
{
    while (text.length && (text.at[0] == ' ' || text.at[0] == '\t'))
        text.at++, text.length--;
    while (text.length && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* Cuts what is before `separator` off `text` into *part. False: there is none. */
static bool text_cut(struct text *text, char separator, struct text *part)
{
    const char *end = memchr(text->at, separator, text->length);

    if (!end)
        return false;
    *part = (struct text){text->at, (size_t)(end - text->at)};
    text->at = end + 1;
    text->length -= part->length + 1;
    return true;
}

/* Whether a list with commas (RFC 9110, 5.6.1) has `name` in it. */
static bool list_has(struct text list, const char *name)
{
    struct text part;

    while (text_cut(&list, ',', &part)) {
        if (text_is_name(text_trim(part), name))
            return true;
    }
    return text_is_name(text_trim(list), name);
}

/* RFC 9110, 5.6.2. */
static bool is_token(struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return text.length > 0;
}

/* "GET / HTTP/1.1". Returns 0 or a status. */
static unsigned parse_line(struct request *request, struct text line)
{
    struct text path;

    if (!text_cut(&line, ' ', &request->method) || !is_token(request->method) ||
        !text_cut(&line, ' ', &path) || path.length == 0 || path.at[0] != '/')
        return 400;
    for (size_t i = 0; i < path.length; i++) {
        if (path.at[i] <= ' ' || path.at[i] >= 0x7f)
            return 400;
    }
    if (!text_cut(&path, '?', &request->path))
        request->path = path;
    if (line.length != 8 || memcmp(line.at, "HTTP/", 5) != 0)
        return 400;
    return text_is(line, "HTTP/1.1") ? 0 : 505;
}

static unsigned parse_field(struct request *request, struct text line)
{
    struct text name;

    if (!text_cut(&line, ':', &name) || !is_token(name))
        return 400;
    for (size_t i = 0; i < line.length; i++) {
        unsigned char c = (unsigned char)line.at[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return 400;
    }
    for (size_t i = 0; i < FIELDS; i++) {
        if (!text_is_name(name, fields[i].name))
            continue;
        if (request->field[i].at && !fields[i].list)
            return 400;
        request->field[i] = text_trim(line);
    }
    return 0;
}

static unsigned parse(struct request *request, struct text head)
{
    struct text line;
    unsigned status = 0;

    memset(request, 0, sizeof(*request));
    for (bool first = true; status == 0 && text_cut(&head, '\n', &line); first = false) {
        if (line.length == 0 || line.at[line.length - 1] != '\r')
            return 400;
        line.length--;
        if (line.length == 0)
            break;
        status = first ? parse_line(request, line) : parse_field(request, line);
    }
    if (status)
        return status;
    if (!request->method.at || !request->field[FIELD_HOST].at)
        return 400;
    if (request->field[FIELD_CODING].at ||
        (request->field[FIELD_LENGTH].at && !text_is(request->field[FIELD_LENGTH], "0")))
        return 400;
    return 0;
}

/* "name", "name:port", "[address]:port": *name without port and brackets. */
static bool host_split(struct text host, struct text *name)
{
    struct text port = {NULL, 0};

    *name = host;
    if (host.length && host.at[0] == '[') {
        host.at++, host.length--;
        if (!text_cut(&host, ']', name))
            return false;
        if (host.length == 0)
            return true;
        if (host.at[0] != ':')
            return false;
        port = (struct text){host.at + 1, host.length - 1};
    } else if (text_cut(&host, ':', name)) {
        port = host;
    } else {
        return true;
    }
    for (size_t i = 0; i < port.length; i++) {
        if (port.at[i] < '0' || port.at[i] > '9')
            return false;
    }
    return port.length >= 1 && port.length <= 5;
}

static bool is_loopback4(uint32_t address)
{
    return address >> 24 == 127;
}

static bool is_loopback6(const struct in6_addr *address)
{
    return IN6_IS_ADDR_LOOPBACK(address) ||
           (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

void web_place_address(struct web_place *place, const struct sockaddr *address)
{
    place->loopback = true;
    if (address->sa_family == AF_INET)
        place->loopback = is_loopback4(
            ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    else if (address->sa_family == AF_INET6)
        place->loopback =
            is_loopback6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

/* Whether a request for `host` is for this server. One that came over a network may name any
 * address, since a gateway may have translated it. */
static bool host_is_ours(struct text host, const struct web_place *place)
{
    char literal[INET6_ADDRSTRLEN];
    struct text name;
    struct in_addr v4;
    struct in6_addr v6;

    if (!host_split(host, &name) || name.length >= sizeof(literal))
        return host_split(host, &name) && place->host && text_is_name(name, place->host);
    if (text_is_name(name, "localhost") || (place->host && text_is_name(name, place->host)))
        return true;
    memcpy(literal, name.at, name.length);
    literal[name.length] = '\0';
    if (inet_pton(AF_INET, literal, &v4) == 1)
        return !place->loopback || is_loopback4(ntohl(v4.s_addr));
    if (inet_pton(AF_INET6, literal, &v6) == 1)
        return !place->loopback || is_loopback6(&v6);
    return false;
}

/* Programs that are no browsers send no Origin; browsers always do. */
static bool origin_is_ours(struct text origin, struct text host)
{
    static const char *const schemes[] = {"http://", "https://"};

    if (!origin.at)
        return true;
    for (size_t i = 0; i < nitems(schemes); i++) {
        size_t length = strlen(schemes[i]);

        if (origin.length == length + host.length && memcmp(origin.at, schemes[i], length) == 0 &&
            strncasecmp(origin.at + length, host.at, host.length) == 0)
            return true;
    }
    return false;
}

/* The head of an answer, of which `extra` are more lines; its body is said to be `length` long. */
static void put_head(struct web_answer *answer, unsigned status, const char *type, size_t length,
                     const char *extra)
{
    const char *reason = "";

    for (size_t i = 0; i < nitems(statuses); i++) {
        if (statuses[i].status == status)
            reason = statuses[i].reason;
    }
    answer->status = status;
    answer->head_length = (size_t)snprintf(answer->head, sizeof(answer->head),
                                           "HTTP/1.1 %u %s\r\n"
                                           "Content-Type: %s\r\n"
                                           "Content-Length: %zu\r\n"
                                           "Connection: close\r\n"
                                           "Cache-Control: no-store\r\n"
                                           "Content-Security-Policy: %s\r\n"
                                           "Cross-Origin-Opener-Policy: same-origin\r\n"
                                           "Cross-Origin-Resource-Policy: same-origin\r\n"
                                           "Referrer-Policy: no-referrer\r\n"
                                           "X-Content-Type-Options: nosniff\r\n"
                                           "X-Frame-Options: DENY\r\n"
                                           "%s\r\n",
                                           status, reason, type, length, web_page_policy, extra);
}

void web_refuse(struct web_answer *answer, unsigned status)
{
    const char *about = "", *extra = "";

    for (size_t i = 0; i < nitems(statuses); i++) {
        if (statuses[i].status == status)
            about = statuses[i].about;
    }
    if (status == 405)
        extra = "Allow: GET, HEAD\r\n";
    else if (status == 426)
        extra = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    answer->body = about;
    answer->body_length = strlen(about);
    put_head(answer, status, "text/plain; charset=utf-8", answer->body_length, extra);
}

/* RFC 6455, 4.2.1 and 4.2.2. */
static unsigned answer_websocket(struct web_answer *answer, const struct request *request)
{
    const struct text *field = request->field;
    char accept[WEB_SOCKET_ACCEPT];

    if (!field[FIELD_CONNECTION].at || !list_has(field[FIELD_CONNECTION], "upgrade") ||
        !list_has(field[FIELD_UPGRADE], "websocket") || !field[FIELD_KEY].at ||
        !field[FIELD_VERSION].at)
        return 400;
    if (!text_is(field[FIELD_VERSION], "13"))
        return 426;
    if (!origin_is_ours(field[FIELD_ORIGIN], field[FIELD_HOST]))
        return 403;
    if (field[FIELD_PROTOCOL].at && !list_has(field[FIELD_PROTOCOL], "binary"))
        return 400;
    if (web_socket_accept(field[FIELD_KEY].at, field[FIELD_KEY].length, accept) < 0)
        return 400;
    answer->status = 101;
    answer->body_length = 0;
    answer->head_length = (size_t)snprintf(
        answer->head, sizeof(answer->head),
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n"
        "%s\r\n",
        accept, field[FIELD_PROTOCOL].at ? "Sec-WebSocket-Protocol: binary\r\n" : "");
    return 0;
}

static unsigned answer_file(struct web_answer *answer, const struct request *request)
{
    const struct web_file *file = NULL;

    for (size_t i = 0; i < web_file_count; i++) {
        if (text_is(request->path, web_files[i].path))
            file = &web_files[i];
    }
    if (!file)
        return 404;
    answer->body = file->bytes;
    answer->body_length = file->length;
    put_head(answer, 200, file->type, file->length, "");
    return 0;
}

size_t web_head_length(const char *bytes, size_t length)
{
    const char *end = memmem(bytes, MIN(length, (size_t)WEB_REQUEST_MAX), "\r\n\r\n", 4);

    return end ? (size_t)(end - bytes) + 4 : 0;
}

void web_answer(struct web_answer *answer, const char *head, size_t length,
                const struct web_place *place)
{
    struct request request;
    unsigned status = parse(&request, (struct text){head, length});
    bool get = request.method.at && text_is(request.method, "GET");
    bool head_only = request.method.at && text_is(request.method, "HEAD");

    if (status == 0 && !host_is_ours(request.field[FIELD_HOST], place))
        status = 403;
    if (status == 0 && !get && !head_only)
        status = 405;
    if (status == 0 && get && request.field[FIELD_UPGRADE].at &&
        text_is(request.path, "/websockify"))
        status = answer_websocket(answer, &request);
    else if (status == 0)
        status = answer_file(answer, &request);
    if (status)
        web_refuse(answer, status);
    if (head_only)
        answer->body_length = 0;
}
