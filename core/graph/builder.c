/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The builder: ops are added one by one, each is checked, its rule is bound and its results are inferred.
 */
#include "private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 200, MAX_RULE = 1000 /* bytes */ };
static const int64_t max_elements = (int64_t)1 << 53;

struct sc_graph_builder *sc_graph_builder_new(const char *name, const char *source)
{
    struct sc_graph_builder *b = sc_alloc(sizeof *b);
    if (!b)
        return NULL;
    b->arena = sc_arena_new();
    b->microbatches = 1;
    if (b->arena) {
        b->name = sc_arena_strdup(b->arena, name ? name : "");
        b->source = sc_arena_strdup(b->arena, source ? source : "");
    }
    if (!b->arena || !b->name || !b->source) {
        sc_graph_builder_free(b);
        return NULL;
    }
    return b;
}

void sc_graph_builder_free(struct sc_graph_builder *b)
{
    if (!b)
        return;
    sc_arena_free(b->arena);
    sc_vec_free(&b->ops);
    sc_vec_free(&b->tensors);
    sc_vec_free(&b->layers);
    sc_vec_free(&b->rules);
    sc_vec_free(&b->inferred);
    sc_vec_free(&b->set_names);
    sc_vec_free(&b->set_values);
    sc_map_free(&b->op_names);
    sc_map_free(&b->result_names);
    sc_map_free(&b->layer_names);
    sc_map_free(&b->rule_ids);
    sc_map_free(&b->inferred_ids);
    sc_free(b);
}

static enum sc_status out_of_memory(struct sc_error *err)
{
    return sc_fail(err, SC_NO_MEMORY, "out of memory");
}

static bool has(const struct sc_map *map, const char *name)
{
    int64_t index;
    return sc_map_get_text(map, name, &index);
}

/* ---- small things ---------------------------------------------------------------------------------- */

void sc_graph_describe(struct sc_graph_builder *b, int64_t batch, int64_t microbatches, int64_t sequence,
                       enum sc_mode mode)
{
    b->batch = batch;
    b->microbatches = microbatches;
    b->sequence = sequence;
    b->mode = mode;
}

enum sc_status sc_graph_set_value(struct sc_graph_builder *b, const char *name, int64_t value)
{
    const char *copy = sc_arena_strdup(b->arena, name);
    if (!copy || !sc_vec_push(&b->set_names, copy) || !sc_vec_push(&b->set_values, value))
        return SC_NO_MEMORY;
    return SC_OK;
}

const struct sc_tensor *sc_graph_peek(const struct sc_graph_builder *b, int tensor)
{
    return tensor >= 0 && (size_t)tensor < b->tensors.count ? &b->tensors.data[tensor].tensor : NULL;
}

enum sc_status sc_graph_mark_output(struct sc_graph_builder *b, int tensor, struct sc_error *err)
{
    if (!sc_graph_peek(b, tensor))
        return sc_fail(err, SC_INPUT, "output %d: there is no such tensor", tensor);
    b->outputs += !b->tensors.data[tensor].tensor.output;
    b->tensors.data[tensor].tensor.output = true;
    return SC_OK;
}

/* Names are shown, matched by globs and written to files: printable, without spaces. */
static enum sc_status check_name(const char *what, const char *name, struct sc_error *err)
{
    if (!name || !*name)
        return sc_fail(err, SC_INPUT, "the name of %s is empty", what);
    if (strlen(name) > MAX_NAME)
        return sc_fail(err, SC_INPUT, "the name of %s, \"%.40s…\", is longer than %d bytes", what, name, MAX_NAME);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 127)
            return sc_fail(err, SC_INPUT, "the name \"%s\" has a space or a control character in it", name);
    return SC_OK;
}

/* Are there only inputs and parameters so far, in a layer that nobody named? */
static bool layer_is_unclaimed(const struct sc_graph_builder *b)
{
    bool unclaimed = b->implicit_layer && b->layers.count == 1;
    for (size_t i = 0; i < b->ops.count && unclaimed; i++)
        unclaimed = sc_kind_source(b->ops.data[i].kind) != SC_SOURCE_NONE;
    return unclaimed;
}

enum sc_status sc_graph_begin_layer(struct sc_graph_builder *b, const char *name, struct sc_error *err)
{
    bool claim = layer_is_unclaimed(b);
    enum sc_status status = check_name("a layer", name, err);
    if (status != SC_OK)
        return status;
    bool taken = b->implicit_layer && !claim && strcmp(b->layers.data[0].name, name) == 0;
    if (taken || has(&b->layer_names, name))
        return sc_fail(err, SC_INPUT, "two layers are named \"%s\"", name);
    struct sc_layer layer = {sc_arena_strdup(b->arena, name), (int)b->ops.count, 0};
    if (!layer.name || !sc_map_put_text(&b->layer_names, name, (int64_t)b->layers.count))
        return out_of_memory(err);
    if (claim) {
        b->layers.data[0].name = layer.name;
        b->implicit_layer = false;
        return SC_OK;
    }
    return sc_vec_push(&b->layers, layer) ? SC_OK : out_of_memory(err);
}

/* The layer of ops that come before any other. */
static enum sc_status begin_implicit_layer(struct sc_graph_builder *b, struct sc_error *err)
{
    struct sc_layer layer = {"model", 0, 0};
    b->implicit_layer = true;
    return sc_vec_push(&b->layers, layer) ? SC_OK : out_of_memory(err);
}

const struct sc_rule *sc_graph_intern_rule(struct sc_graph_builder *b, const struct sc_rule *rule)
{
    struct sc_str key = {0};
    sc_str_add(&key, rule->text);
    for (int i = 0; i < rule->factor_count; i++)
        sc_str_addf(&key, ";%lld", (long long)rule->factor[i].size);
    int64_t id;
    const struct sc_rule *found = NULL;
    if (!key.failed && sc_map_get_text(&b->rule_ids, sc_str_text(&key), &id)) {
        found = b->rules.data[id];
    } else if (!key.failed) {
        const struct sc_rule *copy = sc_arena_copy(b->arena, rule, sizeof *rule);
        if (copy && sc_map_put_text(&b->rule_ids, sc_str_text(&key), (int64_t)b->rules.count) &&
            sc_vec_push(&b->rules, copy))
            found = copy;
    }
    sc_str_free(&key);
    return found;
}

/* ---- checking a spec -------------------------------------------------------------------------------- */

static const struct sc_kind *find_kind(const char *name, struct sc_error *err)
{
    const struct sc_kind *kind = sc_kind_find(name);
    if (kind)
        return kind;
    const char *names[256];
    size_t count = 0;
    for (; count < SC_LEN(names) && sc_kind_at(count); count++)
        names[count] = sc_kind_at(count)->name;
    const char *near = sc_nearest(name, names, count);
    if (near)
        sc_fail(err, SC_INPUT, "unknown kind \"%.60s\"; did you mean \"%s\"?", name, near);
    else
        sc_fail(err, SC_INPUT, "unknown kind \"%.60s\"; `stagecut list kinds` has them all", name);
    return NULL;
}

static enum sc_status check_operands(const struct sc_graph_builder *b, const struct sc_op_spec *spec,
                                     const struct sc_kind *kind, struct sc_error *err)
{
    int least, most;
    sc_kind_arity(kind, &least, &most);
    if (spec->operand_count < least || spec->operand_count > most) {
        if (least == most)
            return sc_fail(err, SC_INPUT, "%s takes %d operand%s; %d given", kind->name, least, least == 1 ? "" : "s",
                           spec->operand_count);
        return sc_fail(err, SC_INPUT, "%s takes %d to %d operands; %d given", kind->name, least, most,
                       spec->operand_count);
    }
    for (int k = 0; k < spec->operand_count; k++)
        if (!sc_graph_peek(b, spec->operands[k]))
            return sc_fail(err, SC_INPUT, "operand %d: there is no tensor %d", k + 1, spec->operands[k]);
    return SC_OK;
}

static enum sc_status check_attributes(const struct sc_op_spec *spec, const struct sc_kind *kind, struct sc_error *err)
{
    size_t known = 0;
    while (kind->attributes && kind->attributes[known])
        known++;
    for (int i = 0; i < spec->attribute_count; i++) {
        const char *name = spec->attributes[i].name;
        size_t k = 0;
        while (k < known && strcmp(kind->attributes[k], name) != 0)
            k++;
        if (k == known) {
            const char *near = sc_nearest(name, kind->attributes, known);
            return sc_fail(err, SC_INPUT, "%s has no attribute \"%.60s\"%s%s%s", kind->name, name,
                           near    ? "; did you mean \""
                           : known ? ""
                                   : "; it has none",
                           near ? near : "", near ? "\"?" : "");
        }
    }
    return SC_OK;
}

/* ---- sources: input, parameter, cache ---------------------------------------------------------------- */

/* "b s h" to one name a dimension. */
static enum sc_status read_dim_names(const char *text, struct sc_shape *shape, struct sc_error *err)
{
    int count = 0;
    if (strncmp(text, "->", 2) == 0)
        text += 2;
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        if (count == shape->rank || length >= SC_NAME_SIZE)
            break;
        snprintf(shape->names[count], SC_NAME_SIZE, "%.*s", (int)length, text);
        for (int d = 0; d < count; d++)
            if (strcmp(shape->names[d], shape->names[count]) == 0)
                return sc_fail(err, SC_INPUT, "two dimensions are named \"%s\"", shape->names[d]);
        for (const char *c = shape->names[count]; *c; c++)
            if (!(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') &&
                (c == shape->names[count] || !((*c >= '0' && *c <= '9') || *c == '_')))
                return sc_fail(err, SC_INPUT, "\"%s\" cannot name a dimension; use letters and digits",
                               shape->names[count]);
        count++;
        text += length;
    }
    if (*text || count != shape->rank)
        return sc_fail(err, SC_INPUT, "the names of dimensions have to be %d words of at most %d letters", shape->rank,
                       SC_NAME_SIZE - 1);
    return SC_OK;
}

static enum sc_status infer_source(const struct sc_op_spec *spec, struct sc_shape *shape, struct sc_error *err)
{
    if (spec->rank < 0 || spec->rank > SC_MAX_RANK)
        return sc_fail(err, SC_INPUT, "a shape of %d dimensions; the most is %d", spec->rank, SC_MAX_RANK);
    shape->rank = spec->rank;
    shape->dtype = spec->dtype ? spec->dtype[0] : SC_DTYPE_FP32;
    memcpy(shape->size, spec->shape, (size_t)spec->rank * sizeof spec->shape[0]);
    return spec->rule ? read_dim_names(spec->rule, shape, err) : SC_OK;
}

/* ---- ordinary ops ------------------------------------------------------------------------------------ */

static void read_operands(const struct sc_graph_builder *b, const struct sc_op_spec *spec, struct sc_shape *out)
{
    for (int k = 0; k < spec->operand_count; k++) {
        const struct sc_building_tensor *t = &b->tensors.data[spec->operands[k]];
        out[k].rank = t->tensor.rank;
        out[k].dtype = t->tensor.dtype;
        memcpy(out[k].size, t->tensor.size, sizeof out[k].size);
        memcpy(out[k].names, t->names, sizeof out[k].names);
    }
}

/* The first reader names the dimensions of a source that nobody named. */
static void name_sources(struct sc_graph_builder *b, const struct sc_op_spec *spec, const struct sc_rule *rule)
{
    for (int k = 0; k < spec->operand_count; k++) {
        struct sc_building_tensor *t = &b->tensors.data[spec->operands[k]];
        if (sc_kind_source(b->ops.data[t->tensor.op].kind) == SC_SOURCE_NONE)
            continue;
        for (int d = 0; d < t->tensor.rank; d++) {
            const struct sc_dim *dim = &rule->operand[k].dim[d];
            bool taken = dim->count == 0 || t->names[d][0] != '\0';
            for (int e = 0; e < t->tensor.rank && !taken; e++)
                taken = strcmp(t->names[e], rule->factor[dim->factor[0]].name) == 0;
            if (!taken)
                memcpy(t->names[d], rule->factor[dim->factor[0]].name, SC_NAME_SIZE);
        }
    }
}

/* The widest of the float operands; of the first operand when there is none. */
static enum sc_dtype infer_dtype(const struct sc_binding *b)
{
    enum sc_dtype best = b->operands[0].dtype;
    for (int k = 1; k < b->operand_count; k++)
        if (sc_dtype_is_float(b->operands[k].dtype) && (!sc_dtype_is_float(best) || b->operands[k].dtype > best))
            best = b->operands[k].dtype;
    return best;
}

static void set_dtypes(const struct sc_kind *kind, const struct sc_making *making, struct sc_binding *b)
{
    enum sc_dtype own = sc_kind_dtype(kind);
    for (int i = 0; i < b->rule.result_count; i++)
        b->results[i].dtype = i < making->result_count ? making->dtype[i]
                              : own != SC_DTYPE_COUNT  ? own
                                                       : infer_dtype(b);
}

static enum sc_status take_sizes(const struct sc_op_spec *spec, struct sc_binding *b, struct sc_error *err)
{
    for (int i = 0; i < spec->size_count; i++) {
        const struct sc_attribute *size = &spec->sizes[i];
        if (i == SC_MAX_FACTORS || size->count != 1)
            return sc_fail(err, SC_INPUT, "sizes are one number for each of at most %d factors", SC_MAX_FACTORS);
        if (strlen(size->name) >= SC_NAME_SIZE)
            return sc_fail(err, SC_INPUT, "a size is given for \"%.60s\", which is too long for a factor's name",
                           size->name);
        snprintf(b->sizes[i].name, SC_NAME_SIZE, "%s", size->name);
        b->sizes[i].value = size->values[0];
        b->size_count++;
    }
    return SC_OK;
}

/* Rule, results and FLOPs a point of an op that is not a source. */
static enum sc_status infer_op(struct sc_graph_builder *b, const struct sc_op_spec *spec, const struct sc_kind *kind,
                               struct sc_binding *binding, double *flops, struct sc_error *err)
{
    struct sc_shape operands[SC_MAX_PORTS];
    struct sc_str text = {0};
    struct sc_making making = {.spec = spec, .binding = binding, .text = &text, .flops = kind->flops, .err = err};
    memset(operands, 0, sizeof operands);
    read_operands(b, spec, operands);
    binding->operands = operands;
    binding->operand_count = spec->operand_count;
    enum sc_status status = take_sizes(spec, binding, err);
    if (status == SC_OK && spec->rule) {
        binding->text = spec->rule;
    } else if (status == SC_OK && sc_kind_maker(kind)) {
        if (spec->size_count)
            status = sc_fail(err, SC_INPUT, "%s takes no sizes without a rule of its own", kind->name);
        binding->inherit = true;
        if (status == SC_OK)
            status = sc_kind_maker(kind)(&making);
        if (status == SC_OK && text.failed)
            status = out_of_memory(err);
        binding->text = sc_str_text(&text);
    } else if (status == SC_OK && kind->rule) {
        binding->inherit = true;
        binding->text = kind->rule;
    } else if (status == SC_OK) {
        status = sc_fail(err, SC_INPUT, "%s needs a rule, such as \"b s h, h f -> b s f\"", kind->name);
    }
    if (status == SC_OK)
        status = sc_rule_bind(b->arena, binding, err);
    if (status == SC_OK)
        set_dtypes(kind, &making, binding);
    *flops = spec->flops > 0 ? spec->flops : making.flops;
    sc_str_free(&text);
    binding->text = NULL;
    binding->operands = NULL; /* they were this function's own */
    return status;
}

/* ---- adding ------------------------------------------------------------------------------------------ */

static enum sc_status check_shape(const struct sc_shape *shape, struct sc_error *err)
{
    int64_t elements = 1;
    for (int d = 0; d < shape->rank; d++) {
        if (shape->size[d] < 1)
            return sc_fail(err, SC_INPUT, "dimension %d is %lld; the least is 1", d + 1, (long long)shape->size[d]);
        if (__builtin_mul_overflow(elements, shape->size[d], &elements) || elements > max_elements)
            return sc_fail(err, SC_LIMIT, "a tensor of more than 2^53 numbers");
    }
    return SC_OK;
}

/* Result `port` of the op that is being stored. */
static enum sc_status add_tensor(struct sc_graph_builder *b, const struct sc_op_spec *spec, const char *name,
                                 const struct sc_shape *shape, int port, bool gradient, struct sc_error *err)
{
    enum sc_dtype dtype = spec->dtype ? spec->dtype[port] : shape->dtype;
    bool own = strcmp(name, spec->name) == 0; /* the op's name, which is known to be good and new */
    enum sc_status status = own ? SC_OK : check_name("a tensor", name, err);
    if (status == SC_OK && !own && (has(&b->op_names, name) || has(&b->result_names, name)))
        status = sc_fail(err, SC_INPUT, "two tensors are named \"%s\"", name);
    if (status != SC_OK)
        return status;
    struct sc_building_tensor t = {.tensor = {.name = sc_arena_strdup(b->arena, name),
                                              .dtype = dtype,
                                              .rank = shape->rank,
                                              .op = (int)b->ops.count,
                                              .port = port,
                                              .gradient = gradient && sc_dtype_is_float(dtype)}};
    memcpy(t.tensor.size, shape->size, sizeof t.tensor.size);
    memcpy(t.names, shape->names, sizeof t.names);
    if (!t.tensor.name || (!own && !sc_map_put_text(&b->result_names, name, (int64_t)b->tensors.count)) ||
        !sc_vec_push(&b->tensors, t))
        return out_of_memory(err);
    return SC_OK;
}

static const char *result_name(struct sc_graph_builder *b, const struct sc_op_spec *spec, int count, int i)
{
    if (spec->result_names)
        return spec->result_names[i];
    return count == 1 ? spec->name : sc_arena_printf(b->arena, "%s:%d", spec->name, i);
}

static double loop_points(const struct sc_rule *rule)
{
    double points = 1;
    for (int i = 0; i < rule->factor_count; i++)
        points *= (double)rule->factor[i].size;
    return points;
}

/* Store an inferred op and its results. */
static enum sc_status store(struct sc_graph_builder *b, const struct sc_op_spec *spec, const struct sc_kind *kind,
                            const struct sc_inferred *inferred, int *first_result, struct sc_error *err)
{
    int first = (int)b->tensors.count, result_count = inferred->result_count;
    bool gradient = sc_kind_source(kind) == SC_SOURCE_PARAMETER;
    for (int k = 0; k < spec->operand_count; k++)
        gradient |= b->tensors.data[spec->operands[k]].tensor.gradient;
    int *results = sc_arena_calloc(b->arena, (size_t)result_count, sizeof *results);
    struct sc_op op = {.name = sc_arena_strdup(b->arena, spec->name),
                       .kind = kind,
                       .rule = inferred->rule,
                       .operand_count = spec->operand_count,
                       .result_count = result_count,
                       .results = results,
                       .flops = inferred->flops,
                       .layer = (int)b->layers.count - 1};
    if (spec->operand_count)
        op.operands = sc_arena_copy(b->arena, spec->operands, (size_t)spec->operand_count * sizeof *op.operands);
    if (!op.name || !results || (spec->operand_count && !op.operands))
        return out_of_memory(err);
    if (op.rule)
        name_sources(b, spec, op.rule);
    for (int i = 0; i < result_count; i++) {
        const char *name = result_name(b, spec, result_count, i);
        enum sc_status status =
            name ? add_tensor(b, spec, name, &inferred->results[i], i, gradient, err) : SC_NO_MEMORY;
        if (status != SC_OK)
            return name ? status : out_of_memory(err);
        results[i] = first + i;
    }
    if (!sc_map_put_text(&b->op_names, spec->name, (int64_t)b->ops.count) || !sc_vec_push(&b->ops, op))
        return out_of_memory(err);
    if (first_result)
        *first_result = first;
    return SC_OK;
}

/* Infer a new kind of op and remember it under `key`. */
static enum sc_status infer(struct sc_graph_builder *b, const struct sc_op_spec *spec, const struct sc_kind *kind,
                            const struct sc_str *key, struct sc_inferred *out, struct sc_error *err)
{
    struct sc_binding binding;
    memset(&binding, 0, sizeof binding);
    enum sc_status status = infer_op(b, spec, kind, &binding, &out->flops, err);
    if (status != SC_OK)
        return status;
    out->flops *= loop_points(&binding.rule);
    out->result_count = binding.rule.result_count;
    for (int i = 0; i < out->result_count && status == SC_OK; i++)
        status = check_shape(&binding.results[i], err);
    if (status == SC_OK && !isfinite(out->flops))
        status = sc_fail(err, SC_LIMIT, "the number of FLOPs overflows");
    if (status != SC_OK)
        return status;
    out->rule = sc_graph_intern_rule(b, &binding.rule);
    out->results = sc_arena_copy(b->arena, binding.results, (size_t)out->result_count * sizeof binding.results[0]);
    if (!out->rule || !out->results || key->failed ||
        !sc_map_put(&b->inferred_ids, sc_str_text(key), key->length, (int64_t)b->inferred.count) ||
        !sc_vec_push(&b->inferred, *out))
        return out_of_memory(err);
    return SC_OK;
}

static void add_bytes(struct sc_str *key, const void *data, size_t size)
{
    sc_str_addn(key, data, size);
}

/* Everything that inference depends on, as bytes. Texts end in their NUL, lists begin with their count. */
static void describe_question(const struct sc_graph_builder *b, const struct sc_op_spec *spec,
                              const struct sc_kind *kind, struct sc_str *key)
{
    const struct sc_attribute *lists[2] = {spec->attributes, spec->sizes};
    int counts[4] = {spec->operand_count, spec->attribute_count, spec->size_count, spec->rule != NULL};
    add_bytes(key, &kind, sizeof kind);
    add_bytes(key, counts, sizeof counts);
    add_bytes(key, &spec->flops, sizeof spec->flops);
    if (spec->rule)
        add_bytes(key, spec->rule, strlen(spec->rule) + 1);
    for (int k = 0; k < spec->operand_count; k++) {
        const struct sc_building_tensor *t = &b->tensors.data[spec->operands[k]];
        int about[2] = {t->tensor.rank, (int)t->tensor.dtype};
        add_bytes(key, about, sizeof about);
        add_bytes(key, t->tensor.size, (size_t)t->tensor.rank * sizeof t->tensor.size[0]);
        add_bytes(key, t->names, (size_t)t->tensor.rank * sizeof t->names[0]);
    }
    for (int l = 0; l < 2; l++)
        for (int i = 0; i < counts[1 + l]; i++) {
            add_bytes(key, lists[l][i].name, strlen(lists[l][i].name) + 1);
            add_bytes(key, &lists[l][i].count, sizeof lists[l][i].count);
            add_bytes(key, lists[l][i].values, (size_t)lists[l][i].count * sizeof lists[l][i].values[0]);
        }
}

/* What is known of the op: remembered, or inferred now. */
static enum sc_status look_up(struct sc_graph_builder *b, const struct sc_op_spec *spec, const struct sc_kind *kind,
                              struct sc_inferred *out, struct sc_error *err)
{
    struct sc_str key = {0};
    int64_t id;
    enum sc_status status = SC_OK;
    describe_question(b, spec, kind, &key);
    if (!key.failed && sc_map_get(&b->inferred_ids, sc_str_text(&key), key.length, &id))
        *out = b->inferred.data[id];
    else
        status = infer(b, spec, kind, &key, out, err);
    sc_str_free(&key);
    return status;
}

enum sc_status sc_graph_add_op(struct sc_graph_builder *b, const struct sc_op_spec *spec, int *first_result,
                               struct sc_error *err)
{
    enum sc_status status = check_name("an op", spec->name, err);
    if (status != SC_OK)
        return status;
    if (b->ops.count >= SC_MAX_OPS)
        return sc_fail(err, SC_LIMIT, "more than %d ops", SC_MAX_OPS);
    if (has(&b->op_names, spec->name) || has(&b->result_names, spec->name))
        return sc_fail(err, SC_INPUT, "two ops are named \"%s\"", spec->name);
    const struct sc_kind *kind = find_kind(spec->kind ? spec->kind : "", err);
    if (!kind)
        return SC_INPUT;
    if (spec->rule && strlen(spec->rule) > MAX_RULE)
        return sc_fail(err, SC_INPUT, "a rule of more than %d bytes", MAX_RULE);
    status = check_operands(b, spec, kind, err);
    if (status == SC_OK)
        status = check_attributes(spec, kind, err);
    if (status == SC_OK && b->layers.count == 0)
        status = begin_implicit_layer(b, err);
    if (status != SC_OK)
        return status;
    struct sc_inferred inferred = {.result_count = 1};
    struct sc_shape source = {0};
    if (sc_kind_source(kind) == SC_SOURCE_NONE) {
        status = look_up(b, spec, kind, &inferred, err);
    } else {
        inferred.results = &source;
        status = infer_source(spec, &source, err);
        if (status == SC_OK)
            status = check_shape(&source, err);
    }
    return status == SC_OK ? store(b, spec, kind, &inferred, first_result, err) : status;
}
