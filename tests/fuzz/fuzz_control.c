/* SPDX-License-Identifier: ISC */
/*
 * What a client of the control socket sends, to a machine that is none: requests in pieces of any
 * size, requests made of the protocol's own words, and the messages of a stream. Every line is
 * answered with one that is right in form.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit/cli/fake_atoll.h"
#include "cli/control_server.h"
#include "fuzz.h"

#define WORDS_MAX 64

enum { MODE_BYTES, MODE_WORDS, MODE_STREAM, MODES };

static const char *const words[] = {
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\"id\":1",
    "\"verb\":",
    "\"arguments\":{",
    "\"version\"",
    "\"status\"",
    "\"stats\"",
    "\"stop\"",
    "\"reset\"",
    "\"pause\"",
    "\"resume\"",
    "\"screen\"",
    "\"screenshot\"",
    "\"type\"",
    "\"key\"",
    "\"click\"",
    "\"pointer\"",
    "\"console\"",
    "\"force\":",
    "\"timeout\":",
    "\"colours\":",
    "\"text\":",
    "\"keys\":",
    "\"x\":",
    "\"y\":",
    "\"button\":",
    "\"double\":",
    "\"buttons\":",
    "\"wheel\":",
    "\"index\":",
    "\"replay\":",
    "true",
    "false",
    "null",
    "0",
    "-1",
    "1.5",
    "1e309",
    "9223372036854775808",
    "\"left\"",
    "\"NONE\"",
    "\"\\u0000\"",
    "\"\xff\"",
    "{\"verb\":\"type\",\"arguments\":{\"text\":\"a\\n\"}}\n",
    "{\"id\":2,\"verb\":\"click\",\"arguments\":{\"x\":1,\"y\":2,\"button\":\"right\"}}\n",
};

static struct atoll vm;
static struct atoll_config config;
static struct control control;

/* A machine that has ended, so that no verb waits for it to. */
static void control_begin(void)
{
    config = (struct atoll_config){.console_count = 2, .display_count = 1};
    fake_init(&vm);
    vm.picture_size = 100;
    control = (struct control){.facts = {.name = "fuzz"}, .vm = &vm, .config = &config};
    pthread_mutex_init(&control.lock, NULL);
    if (pipe2(control.ending, O_CLOEXEC))
        abort();
    close(control.ending[1]);
    json_object_seed(1); /* the same every time */
}

static void check_answer(struct control_answer *answer)
{
    char *text = json_dumps(answer->members, JSON_COMPACT);

    if (!text || strchr(text, '\n') || !json_is_integer(json_object_get(answer->members, "id")) ||
        !json_is_boolean(json_object_get(answer->members, "ok")))
        abort();
    if (!json_is_true(json_object_get(answer->members, "ok")) &&
        (!json_is_string(json_object_get(answer->members, "error")) || answer->length ||
         answer->stream))
        abort();
    free(text);
    json_decref(answer->members);
    free(answer->bytes);
}

/* All lines that are complete. Returns false when the connection would be cut off. */
static bool answer_lines(struct control_input *input)
{
    const char *line;
    size_t length;
    int ret;

    while ((ret = control_input_line(input, &line, &length)) > 0) {
        struct control_answer answer = {0};

        control_carry_out(&control, line, length, &answer);
        check_answer(&answer);
        control_input_drop(input, length + 1);
    }
    return ret == 0;
}

/* Takes up to `most` bytes of the fuzzer's as if they had been received. */
static void receive(struct control_input *to, struct fuzz_input *from, size_t most)
{
    size_t room, length;
    char *bytes = control_input_room(to, &room);

    if (!bytes)
        return; /* what there is has to be taken first */
    length = MIN(MIN(room, most), (size_t)(from->end - from->at));
    memcpy(bytes, from->at, length);
    from->at += length;
    control_input_came(to, length);
}

static void run_bytes(struct fuzz_input *from)
{
    size_t most = 1 + fuzz_take(from, 2);
    struct control_input input = {0};

    do
        receive(&input, from, most);
    while (answer_lines(&input) && from->at < from->end);
    control_input_free(&input);
}

static void run_words(struct fuzz_input *from)
{
    struct control_input input = {0};

    for (unsigned i = 0; i < WORDS_MAX && from->at < from->end; i++) {
        const char *word = words[fuzz_take(from, 1) % nitems(words)];
        struct fuzz_input text = {(const uint8_t *)word, (const uint8_t *)word + strlen(word)};

        receive(&input, &text, SIZE_MAX);
    }
    answer_lines(&input);
    control_input_free(&input);
}

static void run_stream(struct fuzz_input *from)
{
    size_t most = 1 + fuzz_take(from, 2), step = 1 + fuzz_take(from, 1);
    struct control_peer peer = {.control = &control, .fd = -1};
    struct control_stream *stream = control_stream_begin(&peer, 0, true);
    struct error err;

    if (!stream)
        abort();
    vm.given_length = vm.room = 0;
    while (control_stream_input(stream, &err) == 0 && from->at < from->end &&
           vm.room < sizeof(vm.given)) {
        receive(&peer.input, from, most);
        vm.room = MIN(vm.room + step, sizeof(vm.given));
    }
    control_stream_end(stream);
    control_input_free(&peer.input);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static void (*const modes[])(struct fuzz_input * from) = {
        [MODE_BYTES] = run_bytes, [MODE_WORDS] = run_words, [MODE_STREAM] = run_stream};
    struct fuzz_input input = {bytes, bytes + length};

    if (!control.vm)
        control_begin();
    vm.typed_length = vm.given_length = vm.button_count = 0;
    vm.state = ATOLL_STATE_RUNNING;
    vm.gpu = true;
    modes[fuzz_take(&input, 1) % MODES](&input);
    return 0;
}
