/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Names in the body of a model file: "{expressions}" inside them, scopes, references. Inside group "layer.3" the op
 * "fc1" is "layer.3.fc1", and a reference is looked for in the innermost group first.
 */
#include "model.h"

#include <string.h>

static const char *const reference_keys[] = {"from", "when", "comment", NULL};

/* The text of a name or reference with each "{expression}" replaced by its value; lives as long as
 * im->scratch at least. */
enum sc_status sc_model_name(struct sc_importer *im, const struct sc_json *value, const char **out)
{
    *out = "";
    const char *text = sc_json_string(value);
    char why[256], expression[256];
    if (!text || !*text)
        return sc_json_fail(im->doc, value, im->err, "found %s; expected a name",
                            text ? "an empty text" : sc_json_type_name(sc_json_type(value)));
    if (strlen(text) > SC_MODEL_MAX_TEXT)
        return sc_json_fail(im->doc, value, im->err, "a name of more than %d bytes", SC_MODEL_MAX_TEXT);
    *out = text;
    if (!strchr(text, '{'))
        return SC_OK;
    struct sc_str result = {0};
    enum sc_status status = SC_OK;
    while (*text && status == SC_OK) {
        size_t plain = strcspn(text, "{");
        sc_str_addn(&result, text, plain);
        text += plain;
        if (!*text)
            break;
        size_t length = strcspn(text, "}");
        int64_t number;
        if (!text[length] || length >= sizeof expression) {
            status = sc_json_fail(im->doc, value, im->err, "\"{\" without \"}\"");
            break;
        }
        memcpy(expression, text + 1, length - 1);
        expression[length - 1] = '\0';
        text += length + 1;
        if (sc_expression_eval(expression, im->variables.data, im->variables.count, &number, why, sizeof why))
            sc_str_addf(&result, "%lld", (long long)number);
        else
            status = sc_json_fail(im->doc, value, im->err, "\"{%s}\": %s", expression, why);
    }
    const char *copy = result.failed ? NULL : sc_arena_strdup(im->scratch, sc_str_text(&result));
    sc_str_free(&result);
    if (copy)
        *out = copy;
    return status == SC_OK && !copy ? sc_model_no_memory(im) : status;
}

/* The first `length` bytes of the prefix, then `name`; in im->scratch. NULL: out of memory. */
static const char *join(struct sc_importer *im, size_t length, const char *name)
{
    size_t size = strlen(name) + 1;
    char *full = sc_arena_alloc(im->scratch, length + size);
    if (full) {
        memcpy(full, sc_str_text(&im->prefix), length);
        memcpy(full + length, name, size);
    }
    return full;
}

/* `name` inside the current group. */
const char *sc_model_full_name(struct sc_importer *im, const char *name)
{
    return join(im, im->prefix.length, name);
}

enum sc_status sc_model_bind(struct sc_importer *im, const struct sc_json *at, const char *full, int64_t tensor)
{
    int64_t before;
    if (sc_map_get_text(&im->tensors, full, &before))
        return sc_json_fail(im->doc, at, im->err, "the name \"%.150s\" is used twice", full);
    return sc_map_put_text(&im->tensors, full, tensor) ? SC_OK : sc_model_no_memory(im);
}

/* Look in the current group, then in those around it. */
static bool lookup(struct sc_importer *im, const char *name, int64_t *tensor, bool *failed)
{
    const char *prefix = sc_str_text(&im->prefix);
    size_t length = strlen(prefix);
    for (;;) {
        const char *full = join(im, length, name);
        *failed = full == NULL;
        if (*failed || sc_map_get_text(&im->tensors, full, tensor))
            return !*failed;
        if (length == 0)
            return false;
        length--; /* the dot, then the last part */
        while (length > 0 && prefix[length - 1] != '.')
            length--;
    }
}

/* Names that can be seen here, most recent first, as references would write them. */
static const char *nearest_name(struct sc_importer *im, const char *name)
{
    const char *names[256], *prefix = sc_str_text(&im->prefix);
    size_t count = 0, length = strlen(prefix);
    for (size_t i = im->tensors.count; i-- > 0 && count < SC_LEN(names);) {
        const struct sc_map_entry *entry = &im->tensors.entries[i];
        const char *key = sc_arena_strndup(im->scratch, entry->key, entry->key_size);
        if (!key)
            return NULL;
        names[count++] = strncmp(key, prefix, length) == 0 ? key + length : key;
    }
    return sc_nearest(name, names, count);
}

/* Is there an item of that name further down in the list that holds `value`? */
static enum sc_status unknown_name(struct sc_importer *im, const struct sc_json *value, const struct sc_json *items,
                                   const char *name)
{
    static const char *const words[] = {"op", "group", "input", "parameter", "cache"};
    for (const struct sc_json *item = items; item; item = sc_json_next(item))
        for (size_t w = 0; w < SC_LEN(words); w++) {
            const char *own = sc_json_string(sc_json_get(item, words[w]));
            if (own && strcmp(own, name) == 0)
                return sc_json_fail(im->doc, value, im->err,
                                    "\"%.150s\" is made only later; an op reads what was made before it", name);
        }
    const char *near = nearest_name(im, name);
    if (near)
        return sc_json_fail(im->doc, value, im->err, "there is no tensor \"%.150s\" here; did you mean \"%s\"?", name,
                            near);
    return sc_json_fail(im->doc, value, im->err,
                        "there is no tensor \"%.150s\" here; an op reads what was made before it", name);
}

enum sc_status sc_model_wanted(struct sc_importer *im, const struct sc_json *object, bool *wanted)
{
    const struct sc_json *when = sc_json_get(object, "when");
    int64_t value = 1;
    enum sc_status status = when ? sc_model_number(im, im->doc, when, &value) : SC_OK;
    *wanted = value != 0;
    return status;
}

/* A reference: "name" or {"from": "name", "when": …}. `item` is the op it belongs to, for messages. *tensor is
 * SC_ABSENT when its "when" is false. */
enum sc_status sc_model_resolve(struct sc_importer *im, const struct sc_json *reference, const struct sc_json *item,
                                int64_t *tensor)
{
    const struct sc_json *value = reference;
    const char *name = "";
    bool failed = false, wanted = true;
    enum sc_status status = sc_model_step(im, im->doc, reference);
    if (status == SC_OK && sc_json_type(reference) == SC_JSON_OBJECT) {
        status = sc_json_only(im->doc, reference, reference_keys, im->err);
        if (status == SC_OK)
            status = sc_json_want(im->doc, reference, "from", true, SC_JSON_STRING, &value, im->err);
        if (status == SC_OK)
            status = sc_model_wanted(im, reference, &wanted);
    }
    *tensor = SC_ABSENT;
    if (status != SC_OK || !wanted)
        return status;
    status = sc_model_name(im, value, &name);
    if (status != SC_OK)
        return status;
    if (!lookup(im, name, tensor, &failed))
        return failed ? sc_model_no_memory(im) : unknown_name(im, value, item, name);
    if (*tensor == SC_ABSENT)
        return sc_json_fail(im->doc, value, im->err,
                            "\"%.150s\" is absent here: its \"when\" is false, or nothing in it was made", name);
    return SC_OK;
}
