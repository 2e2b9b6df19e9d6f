/* SPDX-License-Identifier: ISC */
/*
 * What a browser sends: requests and websocket frames. The first byte says which; bytes from 0x80
 * on stand for whole words of a request, or for whole frames, so that random ones get somewhere
 * (0xff is followed by a byte to be taken as it is).
 *
 * Requests: an answer is whole and of a known status, and nothing but this server's own names opens
 * it. Frames: the same bytes mean the same, in whatever pieces they come.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/endian.h"
#include "fuzz.h"
#include "viewer/web_http.h"
#include "viewer/web_socket.h"

#define STREAM_MAX 65536

static void check(bool holds)
{
    if (!holds)
        abort();
}

static const char *const words[] = {
    "GET / HTTP/1.1\r\n",
    "GET /websockify HTTP/1.1\r\n",
    "HEAD /favicon.svg HTTP/1.1\r\n",
    "GET ",
    "POST ",
    "/",
    "?x",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "\r\n",
    "\r\n\r\n",
    "Host: ",
    "Host: 127.0.0.1:6080\r\n",
    "Host: localhost\r\n",
    "Host: [::1]:6080\r\n",
    "Host: example.org\r\n",
    "Host: 192.0.2.1\r\n",
    "Host: atoll.example\r\n",
    "[2001:db8::1]",
    "Origin: ",
    "Origin: http://127.0.0.1:6080\r\n",
    "Origin: http://example.org\r\n",
    "Origin: https://localhost\r\n",
    "Connection: Upgrade\r\n",
    "Connection: keep-alive, Upgrade\r\n",
    "Upgrade: websocket\r\n",
    "Sec-WebSocket-Version: 13\r\n",
    "Sec-WebSocket-Version: 8\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "Sec-WebSocket-Key: ",
    "Sec-WebSocket-Protocol: base64, binary\r\n",
    "Sec-WebSocket-Protocol: chat\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Cookie: a=b\r\n",
    ": ",
    ", ",
    "\t",
    "http://",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static size_t make_request(struct fuzz_input *input, char *out)
{
    size_t length = 0;

    while (input->at < input->end && length < WEB_REQUEST_MAX - 100) {
        uint8_t byte = *input->at++;
        const char *word = byte >= 0x80 && byte < 0xff ? words[byte % nitems(words)] : NULL;

        if (byte == 0xff)
            byte = (uint8_t)fuzz_take(input, 1);
        if (!word)
            out[length++] = (char)byte;
        while (word && *word)
            out[length++] = *word++;
    }
    return length;
}

static void request(struct fuzz_input *input, unsigned flags)
{
    struct web_place place = {.host = flags & 2 ? "atoll.example" : NULL};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr.s6_addr = {[15] = 2}};
    /* Of its own size, so that a sanitizer sees what reads past it. */
    char buffer[WEB_REQUEST_MAX], *bytes;
    size_t length = make_request(input, buffer), head;
    struct web_answer answer;

    if (flags & 4)
        web_place_address(&place, (struct sockaddr *)&v4);
    else
        web_place_address(&place, (struct sockaddr *)&v6);
    bytes = malloc(length + 1);
    check(bytes != NULL);
    memcpy(bytes, buffer, length);
    head = web_head_length(bytes, length);
    check(head <= length);
    head = head ? head : length;
    bytes = realloc(bytes, head + 1);
    check(bytes != NULL);
    web_answer(&answer, bytes, head, &place);
    bytes[head] = '\0';
    check(answer.head_length > 16 && answer.head_length < sizeof(answer.head));
    check(memcmp(answer.head, "HTTP/1.1 ", 9) == 0);
    check(memcmp(answer.head + answer.head_length - 4, "\r\n\r\n", 4) == 0);
    if (answer.status < 400) {
        check(answer.status == 200 || answer.status == 101);
        check(strcasestr(bytes, "host:") != NULL);
    }
    if (answer.status == 101)
        check(answer.body_length == 0 && strcasestr(bytes, "sec-websocket-key:"));
    free(bytes);
}

static size_t make_frames(struct fuzz_input *input, uint8_t *out)
{
    size_t length = 0;

    while (input->at < input->end && length < STREAM_MAX / 2) {
        uint8_t byte = *input->at++;
        size_t payload;

        if (byte < 0x80) {
            out[length++] = byte;
            continue;
        }
        if (byte == 0xff) {
            out[length++] = (uint8_t)fuzz_take(input, 1);
            continue;
        }
        /* Bits 0 to 3: the opcode; 4: not the last frame of its message; 5: a length of two bytes.
         */
        payload = fuzz_take(input, byte & 0x20 ? 2 : 1) % (byte & 0x20 ? 20000 : 127);
        out[length++] = (uint8_t)((byte & 0x10 ? 0 : 0x80) | (byte & 15));
        out[length++] = (uint8_t)(0x80 | (byte & 0x20 ? 126 : payload));
        if (byte & 0x20) {
            store_be16(out + length, (uint16_t)payload);
            length += 2;
        } else if (payload == 126) {
            length--;
            out[length++] = 0xff;
            store_be64(out + length, fuzz_take(input, 3));
            length += 8;
        }
        for (unsigned i = 0; i < 4 + payload; i++)
            out[length++] = (uint8_t)(i * 7);
    }
    return length;
}

struct result {
    uint8_t data[STREAM_MAX];
    size_t length;
    unsigned pings, control;
    bool ended;
};

/* Reads the stream in pieces of at most `piece` bytes. */
static void read_stream(struct result *result, const uint8_t *bytes, size_t length, size_t piece)
{
    struct web_socket socket = {0};
    size_t at = 0;

    memset(result, 0, sizeof(*result));
    while (at < length) {
        size_t part = MIN(piece, length - at), used, payload;
        uint8_t *copy = malloc(part);
        enum web_socket_step step;

        check(copy != NULL);
        memcpy(copy, bytes + at, part);
        step = web_socket_read(&socket, copy, part, &used, &payload);
        check(used > 0 && used <= part && payload <= used);
        check((payload > 0) == (step == WEB_SOCKET_DATA) && !(payload && result->ended));
        memcpy(result->data + result->length, copy + used - payload, payload);
        result->length += payload;
        if (step == WEB_SOCKET_PING || step == WEB_SOCKET_END) {
            check(!result->ended && socket.control_length <= WEB_SOCKET_CONTROL);
            for (unsigned i = 0; i < socket.control_length; i++)
                result->control = result->control * 31 + socket.control[i];
            result->pings++;
        }
        result->ended |= step == WEB_SOCKET_END;
        free(copy);
        at += used;
    }
}

static void frames(struct fuzz_input *input, size_t piece)
{
    static uint8_t bytes[STREAM_MAX];
    static struct result whole, pieces;
    uint8_t payload[WEB_SOCKET_HEADER + 1];
    size_t length = make_frames(input, bytes);

    read_stream(&whole, bytes, length, SIZE_MAX);
    read_stream(&pieces, bytes, length, piece);
    check(memcmp(&whole, &pieces, sizeof(whole)) == 0);
    length = web_socket_frame(payload + WEB_SOCKET_HEADER, whole.length * piece, WEB_SOCKET_BINARY);
    check(length == 2 || length == 4 || length == 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, bytes + length};
    unsigned flags = (unsigned)fuzz_take(&input, 1);

    if (flags & 1)
        frames(&input, 1 + (flags >> 1));
    else
        request(&input, flags);
    return 0;
}
