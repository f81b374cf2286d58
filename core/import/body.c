/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The body of model files: inputs, parameters, caches, ops and groups, expanded into a graph builder. Names are scoped:
 * inside group "layer.3" the op "fc1" is "layer.3.fc1", and a reference is looked for in the innermost group first.
 */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const op_keys[] = {"op",    "kind",    "rule", "in",     "weights", "attributes", "sizes",
                                      "dtype", "results", "when", "output", "flops",   "comment",    NULL};
static const char *const group_keys[] = {"group", "repeat", "index", "layer", "in",      "set",
                                         "use",   "body",   "out",   "when",  "comment", NULL};
static const char *const input_keys[] = {"input", "shape", "dims", "dtype", "when", "comment", NULL};
static const char *const parameter_keys[] = {"parameter", "shape", "dims", "dtype", "when", "comment", NULL};
static const char *const cache_keys[] = {"cache", "shape", "dims", "dtype", "when", "comment", NULL};
static const char *const weight_keys[] = {"shape", "dims", "dtype", "comment", NULL};
static const char *const reference_keys[] = {"from", "when", "comment", NULL};
static const char *const block_keys[] = {"body", "out", "comment", NULL};

static enum sc_status expand_items(struct sc_importer *im, const struct sc_json *items, int *last);

/* ---- names ------------------------------------------------------------------------------------------ */

/* The text of a name or reference with each "{expression}" replaced by its value; lives as long as
 * im->scratch at least. */
static enum sc_status interpolate(struct sc_importer *im, const struct sc_json *value, const char **out) {
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
    *out = sc_arena_strdup(im->scratch, sc_str_text(&result));
    bool failed = result.failed || !*out;
    sc_str_free(&result);
    return status == SC_OK && failed ? sc_model_no_memory(im) : status;
}

/* The first `length` bytes of the prefix, then `name`; in im->scratch. NULL: out of memory. */
static const char *join(struct sc_importer *im, size_t length, const char *name) {
    size_t size = strlen(name) + 1;
    char *full = sc_arena_alloc(im->scratch, length + size);
    if (full) {
        memcpy(full, sc_str_text(&im->prefix), length);
        memcpy(full + length, name, size);
    }
    return full;
}

/* `name` inside the current group. */
static const char *full_name(struct sc_importer *im, const char *name) { return join(im, im->prefix.length, name); }

static enum sc_status bind_name(struct sc_importer *im, const struct sc_json *at, const char *full, int64_t tensor) {
    int64_t before;
    if (sc_map_get_text(&im->tensors, full, &before))
        return sc_json_fail(im->doc, at, im->err, "the name \"%.150s\" is used twice", full);
    return sc_map_put_text(&im->tensors, full, tensor) ? SC_OK : sc_model_no_memory(im);
}

/* Look in the current group, then in those around it. */
static bool lookup(struct sc_importer *im, const char *name, int64_t *tensor, bool *failed) {
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
static const char *nearest_name(struct sc_importer *im, const char *name) {
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
                                   const char *name) {
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

static enum sc_status is_wanted(struct sc_importer *im, const struct sc_json *object, bool *wanted) {
    const struct sc_json *when = sc_json_get(object, "when");
    int64_t value = 1;
    enum sc_status status = when ? sc_model_number(im, im->doc, when, &value) : SC_OK;
    *wanted = value != 0;
    return status;
}

/* A reference: "name" or {"from": "name", "when": …}. `item` is the op it belongs to, for messages. *tensor is
 * SC_ABSENT when its "when" is false. */
static enum sc_status resolve(struct sc_importer *im, const struct sc_json *reference, const struct sc_json *item,
                              int64_t *tensor) {
    const struct sc_json *value = reference;
    const char *name = NULL;
    bool failed = false, wanted = true;
    enum sc_status status = sc_model_step(im, im->doc, reference);
    if (status == SC_OK && sc_json_type(reference) == SC_JSON_OBJECT) {
        status = sc_json_only(im->doc, reference, reference_keys, im->err);
        if (status == SC_OK)
            status = sc_json_want(im->doc, reference, "from", true, SC_JSON_STRING, &value, im->err);
        if (status == SC_OK)
            status = is_wanted(im, reference, &wanted);
    }
    *tensor = SC_ABSENT;
    if (status != SC_OK || !wanted)
        return status;
    status = interpolate(im, value, &name);
    if (status != SC_OK)
        return status;
    if (!lookup(im, name, tensor, &failed))
        return failed ? sc_model_no_memory(im) : unknown_name(im, value, item, name);
    if (*tensor == SC_ABSENT)
        return sc_json_fail(im->doc, value, im->err, "\"%.150s\" is absent here: its \"when\" is false, or nothing in it was made", name);
    return SC_OK;
}

/* ---- adding ------------------------------------------------------------------------------------------ */

/* Hand an op to the builder; its message gets the place of `at`. */
static enum sc_status add_op(struct sc_importer *im, const struct sc_json *at, const struct sc_op_spec *spec,
                             int *first) {
    struct sc_error inner = {0};
    if (!sc_vec_push(&im->places, at))
        return sc_model_no_memory(im);
    enum sc_status status = sc_graph_add_op(im->builder, spec, first, &inner);
    if (status == SC_OK || status == SC_NO_MEMORY)
        return status == SC_OK ? SC_OK : sc_model_no_memory(im);
    sc_json_fail(im->doc, at, im->err, "\"%.150s\": %s", spec->name, inner.message);
    im->err->status = status;
    return status;
}

/* A tensor without operands: shape, dims and dtype as `object` says. `shape` is its list of sizes. */
static enum sc_status add_source(struct sc_importer *im, const struct sc_json *object, const struct sc_json *shape,
                                 const char *kind, const char *full, int *tensor) {
    enum sc_dtype dtype = im->compute;
    struct sc_op_spec spec = {.name = full, .kind = kind, .dtype = &dtype};
    bool plain = sc_json_type(object) != SC_JSON_OBJECT;
    enum sc_status status =
        sc_model_numbers(im, im->scratch, im->doc, shape, SC_MAX_RANK, &spec.shape, &spec.rank);
    if (status == SC_OK && !plain && sc_json_get(object, "dtype"))
        status = sc_model_dtype(im, im->doc, sc_json_get(object, "dtype"), &dtype);
    if (status == SC_OK && !plain)
        status = sc_json_want_string(im->doc, object, "dims", false, &spec.rule, im->err);
    for (const struct sc_json *size = sc_json_first(shape); size && status == SC_OK; size = sc_json_next(size)) {
        int64_t value = 0;
        status = sc_model_number(im, im->doc, size, &value);
        if (status == SC_OK && value < 1)
            return sc_json_string(size)
                       ? sc_json_fail(im->doc, size, im->err, "the dimension \"%.100s\" is %lld; the least is 1",
                                      sc_json_string(size), (long long)value)
                       : sc_json_fail(im->doc, size, im->err, "a dimension of %lld; the least is 1", (long long)value);
    }
    return status == SC_OK ? add_op(im, object, &spec, tensor) : status;
}

static enum sc_status expand_source(struct sc_importer *im, const struct sc_json *item, const char *kind,
                                    const char *const *keys, int *last) {
    const struct sc_json *shape;
    const char *name, *full;
    bool wanted;
    enum sc_status status = sc_json_only(im->doc, item, keys, im->err);
    if (status == SC_OK)
        status = interpolate(im, sc_json_get(item, kind), &name);
    if (status == SC_OK)
        status = sc_json_want(im->doc, item, "shape", true, SC_JSON_ARRAY, &shape, im->err);
    if (status == SC_OK)
        status = is_wanted(im, item, &wanted);
    if (status != SC_OK)
        return status;
    full = full_name(im, name);
    if (!full)
        return sc_model_no_memory(im);
    *last = SC_ABSENT;
    if (wanted)
        status = add_source(im, item, shape, kind, full, last);
    return status == SC_OK ? bind_name(im, item, full, *last) : status;
}

/* ---- ops --------------------------------------------------------------------------------------------- */

/* Operands from "in": a reference or a list of them. */
static enum sc_status read_operands(struct sc_importer *im, const struct sc_json *item, int *operands, int *count) {
    const struct sc_json *in = sc_json_get(item, "in");
    *count = 0;
    if (!in)
        return SC_OK;
    bool list = sc_json_type(in) == SC_JSON_ARRAY;
    if (!list && sc_json_type(in) != SC_JSON_STRING && sc_json_type(in) != SC_JSON_OBJECT)
        return sc_json_fail(im->doc, in, im->err, "found %s; expected a name or a list of names",
                            sc_json_type_name(sc_json_type(in)));
    for (const struct sc_json *reference = list ? sc_json_first(in) : in; reference;
         reference = list ? sc_json_next(reference) : NULL) {
        int64_t tensor;
        enum sc_status status = resolve(im, reference, item, &tensor);
        if (status != SC_OK)
            return status;
        if (tensor == SC_ABSENT)
            continue;
        if (*count == SC_MAX_PORTS)
            return sc_json_fail(im->doc, in, im->err, "more than %d operands", SC_MAX_PORTS);
        operands[(*count)++] = (int)tensor;
    }
    return SC_OK;
}

/* Weights declared with the op: parameters "OP.NAME" that become its last operands. */
static enum sc_status read_weights(struct sc_importer *im, const struct sc_json *item, const char *full, int *operands,
                                   int *count) {
    const struct sc_json *weights = NULL;
    enum sc_status status = sc_json_want(im->doc, item, "weights", false, SC_JSON_OBJECT, &weights, im->err);
    for (const struct sc_json *w = weights ? sc_json_first(weights) : NULL; w && status == SC_OK; w = sc_json_next(w)) {
        const struct sc_json *shape = w;
        int tensor = 0;
        if (sc_json_type(w) == SC_JSON_OBJECT) {
            status = sc_json_only(im->doc, w, weight_keys, im->err);
            if (status == SC_OK)
                status = sc_json_want(im->doc, w, "shape", true, SC_JSON_ARRAY, &shape, im->err);
        }
        if (status == SC_OK && *count == SC_MAX_PORTS)
            return sc_json_fail(im->doc, w, im->err, "more than %d operands", SC_MAX_PORTS);
        const char *name = sc_arena_printf(im->scratch, "%s.%s", full, sc_json_key(w));
        if (status == SC_OK)
            status = name ? add_source(im, w, shape, SC_KIND_PARAMETER, name, &tensor) : sc_model_no_memory(im);
        if (status == SC_OK)
            status = bind_name(im, w, name, tensor);
        operands[*count] = tensor;
        *count += status == SC_OK;
    }
    return status;
}

/* Members of an object as attributes: a number each, or a list. */
static enum sc_status read_attributes(struct sc_importer *im, const struct sc_json *item, const char *key,
                                      const struct sc_attribute **out, int *count) {
    const struct sc_json *object = NULL;
    enum sc_status status = sc_json_want(im->doc, item, key, false, SC_JSON_OBJECT, &object, im->err);
    if (status != SC_OK || !object)
        return status;
    size_t n = sc_json_count(object);
    if (n > SC_MAX_PORTS)
        return sc_json_fail(im->doc, object, im->err, "%zu members; the most is %d", n, SC_MAX_PORTS);
    struct sc_attribute *attribute = sc_arena_calloc(im->scratch, n + 1, sizeof *attribute);
    if (!attribute)
        return sc_model_no_memory(im);
    *out = attribute;
    for (const struct sc_json *m = sc_json_first(object); m && status == SC_OK; m = sc_json_next(m), attribute++) {
        attribute->name = sc_json_key(m);
        if (sc_json_type(m) == SC_JSON_ARRAY) {
            status = sc_model_numbers(im, im->scratch, im->doc, m, SC_MAX_PORTS, &attribute->values, &attribute->count);
        } else {
            int64_t *value = sc_arena_alloc(im->scratch, sizeof *value);
            attribute->values = value;
            attribute->count = 1;
            status = value ? sc_model_number(im, im->doc, m, value) : sc_model_no_memory(im);
        }
    }
    *count = (int)n;
    return status;
}

/* "dtype": one name for all results, or a list. Results are at most SC_MAX_PORTS. */
static enum sc_status read_dtypes(struct sc_importer *im, const struct sc_json *item, struct sc_op_spec *spec) {
    const struct sc_json *value = sc_json_get(item, "dtype");
    if (!value)
        return SC_OK;
    enum sc_dtype *dtype = sc_arena_calloc(im->scratch, SC_MAX_PORTS, sizeof *dtype);
    if (!dtype)
        return sc_model_no_memory(im);
    spec->dtype = dtype;
    bool list = sc_json_type(value) == SC_JSON_ARRAY;
    const struct sc_json *name = list ? sc_json_first(value) : value;
    if (!name)
        return sc_json_fail(im->doc, value, im->err, "an empty list; expected a dtype for each result");
    for (int i = 0; i < SC_MAX_PORTS; i++) {
        enum sc_status status = sc_model_dtype(im, im->doc, name, &dtype[i]);
        if (status != SC_OK)
            return status;
        if (list && sc_json_next(name))
            name = sc_json_next(name);
    }
    return SC_OK;
}

/* "results": names inside the group, SC_MAX_PORTS of them, of which the op takes as many as it has results. */
static enum sc_status read_results(struct sc_importer *im, const struct sc_json *item, struct sc_op_spec *spec,
                                   int *count) {
    const struct sc_json *results = NULL;
    enum sc_status status = sc_json_want(im->doc, item, "results", false, SC_JSON_ARRAY, &results, im->err);
    *count = 0;
    if (status != SC_OK || !results)
        return status;
    size_t n = sc_json_count(results);
    if (n == 0 || n > SC_MAX_PORTS)
        return sc_json_fail(im->doc, results, im->err, "%zu names of results; there are 1 to %d", n, SC_MAX_PORTS);
    const char **names = sc_arena_calloc(im->scratch, SC_MAX_PORTS, sizeof *names);
    if (!names)
        return sc_model_no_memory(im);
    spec->result_names = names;
    for (const struct sc_json *r = sc_json_first(results); r; r = sc_json_next(r)) {
        const char *name;
        status = interpolate(im, r, &name);
        if (status != SC_OK)
            return status;
        names[(*count)++] = full_name(im, name);
        if (!names[*count - 1])
            return sc_model_no_memory(im);
    }
    for (int i = *count; i < SC_MAX_PORTS; i++) /* refused below, once the builder knows how many there are */
        names[i] = sc_arena_printf(im->scratch, "%s:%d", spec->name, i);
    return names[SC_MAX_PORTS - 1] ? SC_OK : sc_model_no_memory(im);
}

/* An op whose "when" is false passes its first operand through. */
static enum sc_status skip_op(struct sc_importer *im, const struct sc_json *item, const char *full, int *last) {
    const struct sc_json *in = sc_json_get(item, "in");
    const struct sc_json *first = sc_json_type(in) == SC_JSON_ARRAY ? sc_json_first(in) : in;
    int64_t tensor = SC_ABSENT;
    enum sc_status status = first ? resolve(im, first, item, &tensor) : SC_OK;
    *last = (int)tensor;
    return status == SC_OK ? bind_name(im, item, full, tensor) : status;
}

static enum sc_status mark_outputs(struct sc_importer *im, const struct sc_json *item, int first, int count) {
    const struct sc_json *output = sc_json_get(item, "output");
    int64_t value = 0;
    enum sc_status status = output ? sc_model_number(im, im->doc, output, &value) : SC_OK;
    for (int i = 0; i < count && value && status == SC_OK; i++, im->outputs++)
        status = sc_graph_mark_output(im->builder, first + i, im->err);
    return status;
}

/* Bind the results' names: the op's own stands for its first result. */
static enum sc_status bind_results(struct sc_importer *im, const struct sc_json *item, const struct sc_op_spec *spec,
                                   int first, int named, int *result_count) {
    int count = 0;
    while (sc_graph_peek(im->builder, first + count))
        count++;
    *result_count = count;
    if (named && named != count)
        return sc_json_fail(im->doc, sc_json_get(item, "results"), im->err, "%d names for %d results", named, count);
    enum sc_status status = bind_name(im, item, spec->name, first);
    for (int i = 0; i < count && status == SC_OK; i++) {
        const char *name = sc_graph_peek(im->builder, first + i)->name;
        if (strcmp(name, spec->name) != 0)
            status = bind_name(im, item, name, first + i);
    }
    return status;
}

static enum sc_status expand_op(struct sc_importer *im, const struct sc_json *item, int *last) {
    struct sc_op_spec spec = {0};
    const char *name;
    int operands[SC_MAX_PORTS], named = 0, result_count = 0;
    bool wanted;
    spec.operands = operands;
    enum sc_status status = sc_json_only(im->doc, item, op_keys, im->err);
    if (status == SC_OK)
        status = interpolate(im, sc_json_get(item, "op"), &name);
    if (status == SC_OK)
        status = is_wanted(im, item, &wanted);
    if (status != SC_OK)
        return status;
    spec.name = full_name(im, name);
    if (!spec.name)
        return sc_model_no_memory(im);
    if (!wanted)
        return skip_op(im, item, spec.name, last);
    status = sc_json_want_string(im->doc, item, "rule", false, &spec.rule, im->err);
    if (status == SC_OK)
        status = sc_json_want_string(im->doc, item, "kind", spec.rule == NULL, &spec.kind, im->err);
    if (!spec.kind)
        spec.kind = "einsum";
    if (status == SC_OK)
        status = read_operands(im, item, operands, &spec.operand_count);
    if (status == SC_OK)
        status = read_weights(im, item, spec.name, operands, &spec.operand_count);
    if (status == SC_OK)
        status = read_attributes(im, item, "attributes", &spec.attributes, &spec.attribute_count);
    if (status == SC_OK)
        status = read_attributes(im, item, "sizes", &spec.sizes, &spec.size_count);
    if (status == SC_OK)
        status = read_dtypes(im, item, &spec);
    if (status == SC_OK)
        status = read_results(im, item, &spec, &named);
    if (status == SC_OK)
        status = sc_json_want_number(im->doc, item, "flops", false, 0, 1e18, &spec.flops, im->err);
    const struct sc_kind *kind = status == SC_OK ? sc_kind_find(spec.kind) : NULL;
    if (kind && sc_kind_source(kind) != SC_SOURCE_NONE)
        return sc_json_fail(im->doc, sc_json_get(item, "kind"), im->err,
                            "\"%s\" is no kind of op; write {\"%s\": NAME, \"shape\": [...]}", spec.kind, spec.kind);
    if (status == SC_OK)
        status = add_op(im, item, &spec, last);
    if (status == SC_OK)
        status = bind_results(im, item, &spec, *last, named, &result_count);
    return status == SC_OK ? mark_outputs(im, item, *last, result_count) : status;
}

/* ---- groups ------------------------------------------------------------------------------------------ */

/* What a group consists of: its own body, or that of a block. */
struct group {
    const struct sc_json *item, *body, *out, *in, *set, *layer;
    const char *name, *index;
    int64_t repeat;
    bool repeated;
};

static enum sc_status find_block(struct sc_importer *im, struct group *group, const struct sc_json *use) {
    const char *name = sc_json_string(use);
    const struct sc_json *block = name && im->blocks ? sc_json_get(im->blocks, name) : NULL;
    if (!name)
        return sc_json_fail(im->doc, use, im->err, "\"use\" has to be the name of a block");
    if (!block) {
        const char *names[256];
        size_t count = 0;
        for (const struct sc_json *b = im->blocks ? sc_json_first(im->blocks) : NULL; b && count < SC_LEN(names);
             b = sc_json_next(b))
            names[count++] = sc_json_key(b);
        const char *near = sc_nearest(name, names, count);
        return sc_json_fail(im->doc, use, im->err, "there is no block \"%.60s\"%s%s%s", name,
                            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (sc_json_type(block) != SC_JSON_OBJECT)
        return sc_json_fail(im->doc, block, im->err, "a block is an object with a \"body\"");
    enum sc_status status = sc_json_only(im->doc, block, block_keys, im->err);
    if (status == SC_OK)
        status = sc_json_want(im->doc, block, "body", true, SC_JSON_ARRAY, &group->body, im->err);
    if (!group->out)
        group->out = sc_json_get(block, "out");
    return status;
}

static enum sc_status read_group(struct sc_importer *im, const struct sc_json *item, struct group *group) {
    *group = (struct group){.item = item, .index = "i", .repeat = 1};
    const struct sc_json *use = sc_json_get(item, "use"), *repeat = sc_json_get(item, "repeat");
    const char *name = NULL;
    enum sc_status status = sc_json_only(im->doc, item, group_keys, im->err);
    if (status == SC_OK)
        status = interpolate(im, sc_json_get(item, "group"), &name);
    if (status != SC_OK)
        return status;
    static const char *const lists[] = {"in", "set"};
    for (size_t i = 0; i < SC_LEN(lists); i++)
        if (sc_json_get(item, lists[i]) && sc_json_count(sc_json_get(item, lists[i])) > SC_MODEL_MAX_LOCALS)
            return sc_json_fail(im->doc, sc_json_get(item, lists[i]), im->err, "more than %d members", SC_MODEL_MAX_LOCALS);
    group->name = sc_arena_strdup(im->arena, name); /* outlives the scratch of the ops inside */
    group->out = sc_json_get(item, "out");
    group->layer = sc_json_get(item, "layer");
    if (!group->name)
        return sc_model_no_memory(im);
    if (!use == !sc_json_get(item, "body"))
        return sc_json_fail(im->doc, item, im->err, "a group has either a \"body\" or a block to \"use\"");
    status = use ? find_block(im, group, use)
                 : sc_json_want(im->doc, item, "body", true, SC_JSON_ARRAY, &group->body, im->err);
    if (status == SC_OK)
        status = sc_json_want(im->doc, item, "in", false, SC_JSON_OBJECT, &group->in, im->err);
    if (status == SC_OK)
        status = sc_json_want(im->doc, item, "set", false, SC_JSON_OBJECT, &group->set, im->err);
    if (status == SC_OK)
        status = sc_json_want_string(im->doc, item, "index", false, &group->index, im->err);
    if (status != SC_OK || !repeat)
        return status;
    group->repeated = true;
    status = sc_model_number(im, im->doc, repeat, &group->repeat);
    if (status == SC_OK && (group->repeat < 0 || group->repeat > SC_MAX_OPS))
        return sc_json_fail(im->doc, repeat, im->err, "a repeat of %lld; it has to be from 0 to %d",
                            (long long)group->repeat, SC_MAX_OPS);
    return status;
}

/* The group's local names, as they were outside of it; the first one is `carried` from the second copy on. */
static enum sc_status bind_inputs(struct sc_importer *im, const struct group *group, const int64_t *tensors,
                                  int carried) {
    int i = 0;
    for (const struct sc_json *in = group->in ? sc_json_first(group->in) : NULL; in; in = sc_json_next(in), i++) {
        if (strlen(sc_json_key(in)) > SC_MODEL_MAX_TEXT)
            return sc_json_fail(im->doc, in, im->err, "a name of more than %d bytes", SC_MODEL_MAX_TEXT);
        const char *full = full_name(im, sc_json_key(in));
        if (!full)
            return sc_model_no_memory(im);
        enum sc_status status = bind_name(im, in, full, i == 0 && carried != SC_ABSENT ? carried : tensors[i]);
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}

static enum sc_status define_locals(struct sc_importer *im, const struct group *group) {
    for (const struct sc_json *set = group->set ? sc_json_first(group->set) : NULL; set; set = sc_json_next(set)) {
        int64_t value;
        enum sc_status status = sc_model_number(im, im->doc, set, &value);
        if (status != SC_OK)
            return status;
        if (!sc_model_define(im, sc_json_key(set), value))
            return sc_model_no_memory(im);
    }
    return SC_OK;
}

/* Begin a layer named like the group, if it is one. */
static enum sc_status enter_layer(struct sc_importer *im, const struct group *group, bool *layer) {
    int64_t value = 0;
    struct sc_error inner = {0};
    enum sc_status status = group->layer ? sc_model_number(im, im->doc, group->layer, &value) : SC_OK;
    *layer = value != 0;
    if (status != SC_OK || !*layer)
        return status;
    if (im->in_layer)
        return sc_json_fail(im->doc, group->layer, im->err, "a layer inside another layer");
    im->in_layer = true;
    const char *name = sc_arena_strndup(im->scratch, sc_str_text(&im->prefix), im->prefix.length - 1);
    if (!name)
        return sc_model_no_memory(im);
    status = sc_graph_begin_layer(im->builder, name, &inner);
    return status == SC_INPUT ? sc_json_fail(im->doc, group->layer, im->err, "%s", inner.message) : status;
}

/* One copy of a group. im->prefix is already its own. */
static enum sc_status expand_copy(struct sc_importer *im, const struct group *group, const int64_t *tensors,
                                  int *carried) {
    bool layer = false;
    int last = SC_ABSENT;
    int64_t out;
    enum sc_status status = define_locals(im, group);
    if (status == SC_OK)
        status = enter_layer(im, group, &layer);
    if (status == SC_OK)
        status = bind_inputs(im, group, tensors, *carried);
    if (status == SC_OK)
        status = expand_items(im, group->body, &last);
    if (layer)
        im->in_layer = false;
    if (status != SC_OK)
        return status;
    if (group->out) {
        status = resolve(im, group->out, NULL, &out);
        last = (int)out;
    }
    if (status == SC_OK)
        *carried = last;
    return status;
}

static void cut_prefix(struct sc_importer *im, size_t length) {
    im->prefix.length = length;
    if (im->prefix.data)
        im->prefix.data[length] = '\0';
}

/* All copies; *last becomes the result of the last one. Each copy "layer.3" can be referred to by that name. */
static enum sc_status expand_copies(struct sc_importer *im, const struct group *group, const int64_t *tensors,
                                    int *last) {
    size_t outer = im->prefix.length, variables = im->variables.count;
    enum sc_status status = SC_OK;
    *last = (int)tensors[0]; /* what no copies pass through */
    int carried = SC_ABSENT;
    for (int64_t i = 0; i < group->repeat && status == SC_OK; i++) {
        status = sc_model_step(im, im->doc, group->item);
        if (status != SC_OK)
            return status;
        if (group->repeated && !sc_model_define(im, group->index, i))
            return sc_model_no_memory(im);
        sc_str_add(&im->prefix, group->name);
        if (group->repeated)
            sc_str_addf(&im->prefix, ".%lld", (long long)i);
        size_t inner = im->prefix.length;
        sc_str_add(&im->prefix, ".");
        if (im->prefix.failed)
            return sc_model_no_memory(im);
        status = expand_copy(im, group, tensors, &carried);
        im->variables.count = variables;
        cut_prefix(im, inner);
        if (status == SC_OK && group->repeated)
            status = bind_name(im, group->item, sc_str_text(&im->prefix), carried);
        cut_prefix(im, outer);
        *last = carried;
    }
    return status;
}

static enum sc_status expand_group(struct sc_importer *im, const struct sc_json *item, int *last) {
    struct group group;
    bool wanted;
    if (im->depth == SC_MODEL_MAX_DEPTH)
        return sc_json_fail(im->doc, item, im->err, "groups nested deeper than %d; does a block use itself?",
                            SC_MODEL_MAX_DEPTH);
    enum sc_status status = read_group(im, item, &group);
    if (status == SC_OK)
        status = is_wanted(im, item, &wanted);
    if (status != SC_OK)
        return status;
    size_t count = group.in ? sc_json_count(group.in) : 0;
    int64_t *tensors = sc_arena_calloc(im->arena, count + 1, sizeof *tensors);
    if (!tensors)
        return sc_model_no_memory(im);
    tensors[0] = SC_ABSENT;
    count = 0;
    for (const struct sc_json *in = group.in ? sc_json_first(group.in) : NULL; in; in = sc_json_next(in)) {
        status = resolve(im, in, item, &tensors[count++]);
        if (status != SC_OK)
            return status;
    }
    if (!wanted)
        group.repeat = 0;
    im->depth++;
    status = expand_copies(im, &group, tensors, last);
    im->depth--;
    const char *full = status == SC_OK ? full_name(im, group.name) : NULL;
    if (status != SC_OK)
        return status;
    return full ? bind_name(im, item, full, *last) : sc_model_no_memory(im);
}

/* ---- items ------------------------------------------------------------------------------------------- */

static enum sc_status expand_item(struct sc_importer *im, const struct sc_json *item, int *last) {
    static const char *const words[] = {"op", "group", "input", "parameter", "cache"};
    enum sc_status status = sc_model_step(im, im->doc, item);
    if (status != SC_OK)
        return status;
    if (sc_json_type(item) != SC_JSON_OBJECT)
        return sc_json_fail(im->doc, item, im->err, "found %s; expected an object",
                            sc_json_type_name(sc_json_type(item)));
    if (sc_json_get(item, "op"))
        return expand_op(im, item, last);
    if (sc_json_get(item, "group"))
        return expand_group(im, item, last);
    if (sc_json_get(item, "input"))
        return expand_source(im, item, SC_KIND_INPUT, input_keys, last);
    if (sc_json_get(item, "parameter"))
        return expand_source(im, item, SC_KIND_PARAMETER, parameter_keys, last);
    if (sc_json_get(item, "cache"))
        return expand_source(im, item, SC_KIND_CACHE, cache_keys, last);
    const char *key = sc_json_first(item) ? sc_json_key(sc_json_first(item)) : NULL;
    const char *near = key ? sc_nearest(key, words, SC_LEN(words)) : NULL;
    if (near)
        return sc_json_fail(im->doc, sc_json_first(item), im->err, "unknown key \"%.60s\"; did you mean \"%s\"?", key,
                            near);
    return sc_json_fail(im->doc, item, im->err, "an item has one of op, group, input, parameter and cache");
}

static enum sc_status expand_items(struct sc_importer *im, const struct sc_json *items, int *last) {
    enum sc_status status = SC_OK;
    for (const struct sc_json *item = sc_json_first(items); item && status == SC_OK; item = sc_json_next(item)) {
        status = expand_item(im, item, last);
        sc_arena_reset(im->scratch);
    }
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static enum sc_status read_outputs(struct sc_importer *im, const struct sc_json *root) {
    const struct sc_json *outputs = NULL;
    enum sc_status status = sc_json_want(im->doc, root, "outputs", true, SC_JSON_ARRAY, &outputs, im->err);
    for (const struct sc_json *o = outputs ? sc_json_first(outputs) : NULL; o && status == SC_OK; o = sc_json_next(o)) {
        int64_t tensor;
        status = resolve(im, o, NULL, &tensor);
        if (status == SC_OK && tensor != SC_ABSENT) {
            status = sc_graph_mark_output(im->builder, (int)tensor, im->err);
            im->outputs++;
        }
    }
    if (status == SC_OK && im->outputs == 0)
        return sc_json_fail(im->doc, outputs, im->err, "the model has no output; name at least one");
    return status;
}

enum sc_status sc_model_expand(struct sc_importer *im) {
    const struct sc_json *root = im->files[im->file_count - 1].root, *body = NULL;
    int last = SC_ABSENT;
    enum sc_status status = sc_json_want(im->doc, root, "blocks", false, SC_JSON_OBJECT, &im->blocks, im->err);
    if (status == SC_OK && im->blocks && sc_json_count(im->blocks) > SC_MODEL_MAX_NAMES)
        return sc_json_fail(im->doc, im->blocks, im->err, "more than %d blocks", SC_MODEL_MAX_NAMES);
    if (status == SC_OK)
        status = sc_json_want(im->doc, root, "body", true, SC_JSON_ARRAY, &body, im->err);
    if (status == SC_OK)
        status = expand_items(im, body, &last);
    return status == SC_OK ? read_outputs(im, root) : status;
}
