/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The body of model files: inputs, parameters, caches and ops, handed to a graph builder, and the outputs.
 */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const op_keys[] = {"op",    "kind",    "rule", "in",     "weights", "attributes", "sizes",
                                      "dtype", "results", "when", "output", "flops",   "comment",    NULL};
static const char *const input_keys[] = {"input", "shape", "dims", "dtype", "when", "comment", NULL};
static const char *const parameter_keys[] = {"parameter", "shape", "dims", "dtype", "when", "comment", NULL};
static const char *const cache_keys[] = {"cache", "shape", "dims", "dtype", "when", "comment", NULL};
static const char *const weight_keys[] = {"shape", "dims", "dtype", "comment", NULL};

/* ---- adding ------------------------------------------------------------------------------------------ */

/* Hand an op to the builder; its message gets the place of `at`. */
static enum sc_status add_op(struct sc_importer *im, const struct sc_json *at, const struct sc_op_spec *spec,
                             int *first)
{
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
                                 const char *kind, const char *full, int *tensor)
{
    enum sc_dtype dtype = im->compute;
    struct sc_op_spec spec = {.name = full, .kind = kind, .dtype = &dtype};
    bool plain = sc_json_type(object) != SC_JSON_OBJECT;
    enum sc_status status = sc_model_numbers(im, im->scratch, im->doc, shape, SC_MAX_RANK, &spec.shape, &spec.rank);
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
                                    const char *const *keys, int *last)
{
    const struct sc_json *shape;
    const char *name, *full;
    bool wanted;
    enum sc_status status = sc_json_only(im->doc, item, keys, im->err);
    if (status == SC_OK)
        status = sc_model_name(im, sc_json_get(item, kind), &name);
    if (status == SC_OK)
        status = sc_json_want(im->doc, item, "shape", true, SC_JSON_ARRAY, &shape, im->err);
    if (status == SC_OK)
        status = sc_model_wanted(im, item, &wanted);
    if (status != SC_OK)
        return status;
    full = sc_model_full_name(im, name);
    if (!full)
        return sc_model_no_memory(im);
    *last = SC_ABSENT;
    if (wanted)
        status = add_source(im, item, shape, kind, full, last);
    return status == SC_OK ? sc_model_bind(im, item, full, *last) : status;
}

/* ---- ops --------------------------------------------------------------------------------------------- */

/* Operands from "in": a reference or a list of them. */
static enum sc_status read_operands(struct sc_importer *im, const struct sc_json *item, int *operands, int *count)
{
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
        enum sc_status status = sc_model_resolve(im, reference, item, &tensor);
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
                                   int *count)
{
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
            status = sc_model_bind(im, w, name, tensor);
        operands[*count] = tensor;
        *count += status == SC_OK;
    }
    return status;
}

/* Members of an object as attributes: a number each, or a list. */
static enum sc_status read_attributes(struct sc_importer *im, const struct sc_json *item, const char *key,
                                      const struct sc_attribute **out, int *count)
{
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
static enum sc_status read_dtypes(struct sc_importer *im, const struct sc_json *item, struct sc_op_spec *spec)
{
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
                                   int *count)
{
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
        status = sc_model_name(im, r, &name);
        if (status != SC_OK)
            return status;
        names[(*count)++] = sc_model_full_name(im, name);
        if (!names[*count - 1])
            return sc_model_no_memory(im);
    }
    for (int i = *count; i < SC_MAX_PORTS; i++) /* refused below, once the builder knows how many there are */
        names[i] = sc_arena_printf(im->scratch, "%s:%d", spec->name, i);
    return names[SC_MAX_PORTS - 1] ? SC_OK : sc_model_no_memory(im);
}

/* An op whose "when" is false passes its first operand through. */
static enum sc_status skip_op(struct sc_importer *im, const struct sc_json *item, const char *full, int *last)
{
    const struct sc_json *in = sc_json_get(item, "in");
    const struct sc_json *first = sc_json_type(in) == SC_JSON_ARRAY ? sc_json_first(in) : in;
    int64_t tensor = SC_ABSENT;
    enum sc_status status = first ? sc_model_resolve(im, first, item, &tensor) : SC_OK;
    *last = (int)tensor;
    return status == SC_OK ? sc_model_bind(im, item, full, tensor) : status;
}

static enum sc_status mark_outputs(struct sc_importer *im, const struct sc_json *item, int first, int count)
{
    const struct sc_json *output = sc_json_get(item, "output");
    int64_t value = 0;
    enum sc_status status = output ? sc_model_number(im, im->doc, output, &value) : SC_OK;
    for (int i = 0; i < count && value && status == SC_OK; i++, im->outputs++)
        status = sc_graph_mark_output(im->builder, first + i, im->err);
    return status;
}

/* Bind the results' names: the op's own stands for its first result. */
static enum sc_status bind_results(struct sc_importer *im, const struct sc_json *item, const struct sc_op_spec *spec,
                                   int first, int named, int *result_count)
{
    int count = 0;
    while (sc_graph_peek(im->builder, first + count))
        count++;
    *result_count = count;
    if (named && named != count)
        return sc_json_fail(im->doc, sc_json_get(item, "results"), im->err, "%d names for %d results", named, count);
    enum sc_status status = sc_model_bind(im, item, spec->name, first);
    for (int i = 0; i < count && status == SC_OK; i++) {
        const char *name = sc_graph_peek(im->builder, first + i)->name;
        if (strcmp(name, spec->name) != 0)
            status = sc_model_bind(im, item, name, first + i);
    }
    return status;
}

static enum sc_status expand_op(struct sc_importer *im, const struct sc_json *item, int *last)
{
    struct sc_op_spec spec = {0};
    const char *name;
    int operands[SC_MAX_PORTS], named = 0, result_count = 0;
    bool wanted;
    spec.operands = operands;
    enum sc_status status = sc_json_only(im->doc, item, op_keys, im->err);
    if (status == SC_OK)
        status = sc_model_name(im, sc_json_get(item, "op"), &name);
    if (status == SC_OK)
        status = sc_model_wanted(im, item, &wanted);
    if (status != SC_OK)
        return status;
    spec.name = sc_model_full_name(im, name);
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

/* ---- items ------------------------------------------------------------------------------------------- */

static enum sc_status expand_item(struct sc_importer *im, const struct sc_json *item, int *last)
{
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
        return sc_model_group(im, item, last);
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

enum sc_status sc_model_items(struct sc_importer *im, const struct sc_json *items, int *last)
{
    enum sc_status status = SC_OK;
    for (const struct sc_json *item = sc_json_first(items); item && status == SC_OK; item = sc_json_next(item)) {
        status = expand_item(im, item, last);
        sc_arena_reset(im->scratch);
    }
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static enum sc_status read_outputs(struct sc_importer *im, const struct sc_json *root)
{
    const struct sc_json *outputs = NULL;
    enum sc_status status = sc_json_want(im->doc, root, "outputs", true, SC_JSON_ARRAY, &outputs, im->err);
    for (const struct sc_json *o = outputs ? sc_json_first(outputs) : NULL; o && status == SC_OK; o = sc_json_next(o)) {
        int64_t tensor;
        status = sc_model_resolve(im, o, NULL, &tensor);
        if (status == SC_OK && tensor != SC_ABSENT) {
            status = sc_graph_mark_output(im->builder, (int)tensor, im->err);
            im->outputs++;
        }
    }
    if (status == SC_OK && im->outputs == 0)
        return sc_json_fail(im->doc, outputs, im->err, "the model has no output; name at least one");
    return status;
}

enum sc_status sc_model_expand(struct sc_importer *im)
{
    const struct sc_json *root = im->files[im->file_count - 1].root, *body = NULL;
    int last = SC_ABSENT;
    enum sc_status status = sc_json_want(im->doc, root, "blocks", false, SC_JSON_OBJECT, &im->blocks, im->err);
    if (status == SC_OK && im->blocks && sc_json_count(im->blocks) > SC_MODEL_MAX_NAMES)
        return sc_json_fail(im->doc, im->blocks, im->err, "more than %d blocks", SC_MODEL_MAX_NAMES);
    if (status == SC_OK)
        status = sc_json_want(im->doc, root, "body", true, SC_JSON_ARRAY, &body, im->err);
    if (status == SC_OK)
        status = sc_model_items(im, body, &last);
    return status == SC_OK ? read_outputs(im, root) : status;
}
