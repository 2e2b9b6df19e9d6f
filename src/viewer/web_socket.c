/* SPDX-License-Identifier: ISC */
#include "viewer/web_socket.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "base/endian.h"

/* Bits of a frame's first two bytes, and its opcodes (5.2). */
#define FRAME_FINAL    0x80u
#define FRAME_RESERVED 0x70u
#define FRAME_MASKED   0x80u
#define FRAME_CONTROL  0x08u

#define OPCODE_CONTINUE 0x0u
#define OPCODE_TEXT     0x1u
#define OPCODE_PING     0x9u

/* RFC 6455, 1.3: the key and this, hashed with SHA-1, in base64. */
int web_socket_accept(const char *key, size_t length, char accept[WEB_SOCKET_ACCEPT])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    gnutls_datum_t given = {(unsigned char *)(uintptr_t)key, (unsigned)length};
    gnutls_datum_t nonce, text;
    uint8_t hash[20], joined[24 + sizeof(guid) - 1];
    bool fits;

    if (length != 24 || gnutls_base64_decode2(&given, &nonce) < 0)
        return -EINVAL;
    fits = nonce.size == 16;
    gnutls_free(nonce.data);
    if (!fits)
        return -EINVAL;
    memcpy(joined, key, 24);
    memcpy(joined + 24, guid, sizeof(guid) - 1);
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, joined, sizeof(joined), hash) < 0)
        return -EINVAL;
    given = (gnutls_datum_t){hash, sizeof(hash)};
    if (gnutls_base64_encode2(&given, &text) < 0)
        return -ENOMEM;
    memcpy(accept, text.data, WEB_SOCKET_ACCEPT - 1);
    accept[WEB_SOCKET_ACCEPT - 1] = '\0';
    gnutls_free(text.data);
    return 0;
}

static enum web_socket_step end(struct web_socket *socket, unsigned code)
{
    socket->closed = true;
    store_be16(socket->control, (uint16_t)code);
    socket->control_length = 2;
    return WEB_SOCKET_END;
}

/* Bytes of the header, mask included: all of it is known from its first two on. */
static unsigned header_size(const struct web_socket *socket)
{
    unsigned length = socket->header[1] & ~FRAME_MASKED;

    if (socket->header_length < 2)
        return 2 + 4;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + 4;
}

/* A header's first two bytes are there. Returns 0 or the code of an offence. */
static unsigned check_start(struct web_socket *socket)
{
    const uint8_t *header = socket->header;
    unsigned opcode = header[0] & 0xf;
    unsigned length = header[1] & ~FRAME_MASKED;

    if ((header[0] & FRAME_RESERVED) || !(header[1] & FRAME_MASKED))
        return WEB_SOCKET_PROTOCOL_ERROR;
    if (opcode & FRAME_CONTROL) {
        socket->control_length = 0;
        if (!(header[0] & FRAME_FINAL) || length > WEB_SOCKET_CONTROL || opcode > WEB_SOCKET_PONG ||
            (opcode == WEB_SOCKET_CLOSE && length == 1))
            return WEB_SOCKET_PROTOCOL_ERROR;
        return 0;
    }
    if (opcode == OPCODE_TEXT)
        return WEB_SOCKET_UNSUPPORTED;
    if (opcode > WEB_SOCKET_BINARY || socket->message != (opcode == OPCODE_CONTINUE))
        return WEB_SOCKET_PROTOCOL_ERROR;
    socket->message = !(header[0] & FRAME_FINAL);
    return 0;
}

/* All of it is there. The shortest form of a length is required, and the top bit of the longest is
 * 0 (5.2). */
static unsigned check_length(struct web_socket *socket)
{
    unsigned length = socket->header[1] & ~FRAME_MASKED;

    socket->mask_at = 0;
    socket->left = length;
    if (length == 126) {
        socket->left = load_be16(socket->header + 2);
        return socket->left < 126 ? WEB_SOCKET_PROTOCOL_ERROR : 0;
    }
    if (length == 127) {
        socket->left = load_be64(socket->header + 2);
        if (socket->left <= UINT16_MAX || socket->left > INT64_MAX)
            return WEB_SOCKET_PROTOCOL_ERROR;
    }
    return 0;
}

/* Takes bytes of a header. Returns how many. */
static size_t read_header(struct web_socket *socket, const uint8_t *bytes, size_t length,
                          unsigned *code)
{
    size_t used = 0;

    *code = 0;
    while (used < length && !*code && socket->header_length < header_size(socket)) {
        socket->header[socket->header_length++] = bytes[used++];
        if (socket->header_length == 2)
            *code = check_start(socket);
        else if (socket->header_length == header_size(socket))
            *code = check_length(socket);
    }
    return used;
}

/* A frame is complete: what is to be done about it, when it is a control frame. */
static enum web_socket_step frame_done(struct web_socket *socket)
{
    unsigned opcode = socket->header[0] & 0xf;

    socket->header_length = 0;
    if (opcode == OPCODE_PING)
        return WEB_SOCKET_PING;
    if (opcode != WEB_SOCKET_CLOSE)
        return WEB_SOCKET_MORE;
    /* The code comes back; the reason need not (5.5.1). */
    socket->control_length = MIN(socket->control_length, 2u);
    socket->closed = true;
    return WEB_SOCKET_END;
}

enum web_socket_step web_socket_read(struct web_socket *socket, uint8_t *bytes, size_t length,
                                     size_t *used, size_t *payload)
{
    const uint8_t *mask;
    bool control;
    unsigned code;

    *used = *payload = 0;
    if (socket->closed) {
        *used = length;
        return WEB_SOCKET_MORE;
    }
    *used = read_header(socket, bytes, length, &code);
    if (code)
        return end(socket, code);
    if (socket->header_length < header_size(socket))
        return WEB_SOCKET_MORE;

    mask = socket->header + header_size(socket) - 4;
    control = socket->header[0] & FRAME_CONTROL;
    while (*used < length && socket->left > 0) {
        bytes[*used] ^= mask[socket->mask_at++ & 3];
        if (control)
            socket->control[socket->control_length++] = bytes[*used];
        else
            ++*payload;
        ++*used;
        socket->left--;
    }
    if (socket->left > 0)
        return *payload ? WEB_SOCKET_DATA : WEB_SOCKET_MORE;
    if (control)
        return frame_done(socket);
    socket->header_length = 0;
    return *payload ? WEB_SOCKET_DATA : WEB_SOCKET_MORE;
}

size_t web_socket_frame(uint8_t *payload, size_t length, unsigned opcode)
{
    size_t size = length < 126 ? 2 : length <= UINT16_MAX ? 4 : 10;
    uint8_t *header = payload - size;

    header[0] = (uint8_t)(FRAME_FINAL | opcode);
    if (size == 2) {
        header[1] = (uint8_t)length;
    } else if (size == 4) {
        header[1] = 126;
        store_be16(header + 2, (uint16_t)length);
    } else {
        header[1] = 127;
        store_be64(header + 2, length);
    }
    return size;
}
