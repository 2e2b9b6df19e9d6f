/* SPDX-License-Identifier: ISC */
#include "cli/control_protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- bytes to lines --- */

#define INPUT_MIN  4096u
#define INPUT_MAX  (CONTROL_LINE_MAX + INPUT_MIN)
#define INPUT_PART (4 * INPUT_MIN)

char *control_input_room(struct control_input *input, size_t *room)
{
    if (input->capacity - input->length < INPUT_MIN / 2 && input->capacity < INPUT_MAX) {
        size_t capacity = MIN(MAX(input->capacity * 2, INPUT_MIN), INPUT_MAX);
        char *bytes = realloc(input->bytes, capacity);

        if (!bytes)
            return NULL;
        input->bytes = bytes;
        input->capacity = capacity;
    }
    /* In small parts, because what is left of one is moved for each line that it had. */
    *room = MIN(input->capacity - input->length, INPUT_PART);
    return *room ? input->bytes + input->length : NULL;
}

void control_input_came(struct control_input *input, size_t length)
{
    input->length += length;
}

int control_input_line(struct control_input *input, const char **line, size_t *length)
{
    const char *from = input->bytes + input->scanned;
    const char *end =
        input->length > input->scanned ? memchr(from, '\n', input->length - input->scanned) : NULL;

    input->scanned = end ? (size_t)(end - input->bytes) : input->length;
    if (input->scanned > CONTROL_LINE_MAX)
        return -EMSGSIZE;
    *line = input->bytes;
    *length = input->scanned;
    return end != NULL;
}

void control_input_drop(struct control_input *input, size_t length)
{
    input->length -= length;
    input->scanned = 0;
    if (input->length)
        memmove(input->bytes, input->bytes + length, input->length);
}

void control_input_free(struct control_input *input)
{
    free(input->bytes);
    *input = (struct control_input){0};
}

/* --- lines to messages --- */

/* How deep the brackets of a text go, if it is JSON. The parser's own limit is far above ours, and
 * what has been parsed is freed by recursion. */
static unsigned depth_of(const char *text, size_t length)
{
    unsigned depth = 0, deepest = 0;
    bool string = false;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (string && c == '\\')
            i++;
        else if (c == '"')
            string = !string;
        else if (!string && (c == '{' || c == '['))
            depth++;
        else if (!string && (c == '}' || c == ']') && depth)
            depth--;
        deepest = MAX(deepest, depth);
    }
    return deepest;
}

int control_message_parse(const char *line, size_t length, json_t **message, struct error *err)
{
    json_error_t error;

    if (depth_of(line, length) > CONTROL_DEPTH_MAX)
        return error_set(err, EINVAL, "a message is nested at most %d levels deep",
                         CONTROL_DEPTH_MAX);
    *message = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    if (!*message)
        return error_set(err, EINVAL, "this is no JSON object on one line: %s", error.text);
    if (json_is_object(*message))
        return 0;
    json_decref(*message);
    *message = NULL;
    return error_set(err, EINVAL, "a message is a JSON object");
}

int control_message_bytes(json_t *message, size_t limit, size_t *bytes, struct error *err)
{
    json_t *member = json_object_get(message, "bytes");
    json_int_t count = json_integer_value(member);

    *bytes = 0;
    if (!member)
        return 0;
    if (!json_is_integer(member) || count < 0 || (uint64_t)count > limit)
        return error_set(err, EINVAL, "\"bytes\" is a number of bytes, at most %zu", limit);
    *bytes = (size_t)count;
    return 0;
}

json_t *control_text(const char *text)
{
    json_t *string;
    char *copy;

    if (!text)
        return json_null();
    string = json_string(text);
    if (string || (copy = strdup(text)) == NULL)
        return string;
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    string = json_string(copy);
    free(copy);
    return string;
}

/* --- requests --- */

int control_request_read(json_t *message, struct control_request *request, struct error *err)
{
    json_t *id = json_object_get(message, "id");

    *request = (struct control_request){.id = json_integer_value(id)};
    if (id && !json_is_integer(id))
        return error_set(err, EINVAL, "\"id\" is an integer");
    request->verb = json_string_value(json_object_get(message, "verb"));
    if (!request->verb)
        return error_set(err, EINVAL, "a request has a \"verb\", a string");
    request->arguments = json_object_get(message, "arguments");
    if (request->arguments && !json_is_object(request->arguments))
        return error_set(err, EINVAL, "\"arguments\" is an object");
    return 0;
}

static bool is_strings(json_t *value)
{
    json_t *item;
    size_t i;

    if (json_is_string(value))
        return true;
    json_array_foreach(value, i, item)
    {
        if (!json_is_string(item))
            return false;
    }
    return json_is_array(value);
}

static int argument_check(const char *verb, const struct control_argument *argument, json_t *value,
                          struct error *err)
{
    static const char *const kinds[] = {
        [CONTROL_BOOLEAN] = "true or false",
        [CONTROL_INTEGER] = "an integer",
        [CONTROL_NUMBER] = "a number",
        [CONTROL_STRING] = "a string",
        [CONTROL_STRINGS] = "a string, or an array of strings",
    };
    const bool right[] = {
        [CONTROL_BOOLEAN] = json_is_boolean(value), [CONTROL_INTEGER] = json_is_integer(value),
        [CONTROL_NUMBER] = json_is_number(value),   [CONTROL_STRING] = json_is_string(value),
        [CONTROL_STRINGS] = is_strings(value),
    };
    double number = json_number_value(value);

    if (!right[argument->kind])
        return error_set(err, EINVAL, "%s: \"%s\" is %s", verb, argument->name,
                         kinds[argument->kind]);
    if (json_is_number(value) && (number < argument->min || number > argument->max))
        return error_set(err, EINVAL, "%s: \"%s\" is from %g to %g", verb, argument->name,
                         argument->min, argument->max);
    return 0;
}

static const struct control_argument *argument_find(const struct control_argument *table,
                                                    const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

int control_arguments_check(const char *verb, const struct control_argument *table,
                            json_t *arguments, struct error *err)
{
    const char *name;
    json_t *value;

    for (const struct control_argument *at = table; at->name; at++)
        if (at->required && !json_object_get(arguments, at->name))
            return error_set(err, EINVAL, "%s: the argument \"%s\" is missing", verb, at->name);
    json_object_foreach(arguments, name, value)
    {
        const struct control_argument *argument = argument_find(table, name);
        int ret;

        if (!argument)
            return error_set(err, EINVAL, "%s: there is no argument \"%.64s\"", verb, name);
        ret = argument_check(verb, argument, value, err);
        if (ret)
            return ret;
    }
    return 0;
}

/* --- error numbers --- */

#define NAMED(number)                                                                              \
    {                                                                                              \
        number, #number                                                                            \
    }

static const struct {
    int number;
    const char *name;
} errnos[] = {
    NAMED(EIO),       NAMED(EACCES), NAMED(EAGAIN), NAMED(EALREADY),  NAMED(EBUSY),
    NAMED(ECANCELED), NAMED(EEXIST), NAMED(EINVAL), NAMED(EMSGSIZE),  NAMED(ENODATA),
    NAMED(ENODEV),    NAMED(ENOENT), NAMED(ENOMEM), NAMED(ENOSPC),    NAMED(ENOSYS),
    NAMED(ENOTSUP),   NAMED(EPERM),  NAMED(ERANGE), NAMED(ESHUTDOWN), NAMED(ETIMEDOUT),
};

const char *control_errno_name(int number)
{
    for (size_t i = 0; i < nitems(errnos); i++)
        if (errnos[i].number == number)
            return errnos[i].name;
    return errnos[0].name;
}

int control_errno_number(const char *name)
{
    for (size_t i = 0; name && i < nitems(errnos); i++)
        if (strcmp(errnos[i].name, name) == 0)
            return errnos[i].number;
    return errnos[0].number;
}
