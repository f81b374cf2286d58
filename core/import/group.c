/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Groups of model files: bodies and blocks, copies that carry a tensor from one to the next, local names and values,
 * layers.
 */
#include "model.h"

#include <stdio.h>
#include <string.h>

static const char *const group_keys[] = {"group", "repeat", "index", "layer", "in",      "set",
                                         "use",   "body",   "out",   "when",  "comment", NULL};
static const char *const block_keys[] = {"body", "out", "comment", NULL};

/* What a group consists of: its own body, or that of a block. */
struct group {
    const struct sc_json *item, *body, *out, *in, *set, *layer;
    const char *name, *index;
    int64_t repeat;
    bool repeated;
};

static enum sc_status find_block(struct sc_importer *im, struct group *group, const struct sc_json *use)
{
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

static enum sc_status read_group(struct sc_importer *im, const struct sc_json *item, struct group *group)
{
    *group = (struct group){.item = item, .index = "i", .repeat = 1};
    const struct sc_json *use = sc_json_get(item, "use"), *repeat = sc_json_get(item, "repeat");
    const char *name = NULL;
    enum sc_status status = sc_json_only(im->doc, item, group_keys, im->err);
    if (status == SC_OK)
        status = sc_model_name(im, sc_json_get(item, "group"), &name);
    if (status != SC_OK)
        return status;
    static const char *const lists[] = {"in", "set"};
    for (size_t i = 0; i < SC_LEN(lists); i++)
        if (sc_json_get(item, lists[i]) && sc_json_count(sc_json_get(item, lists[i])) > SC_MODEL_MAX_LOCALS)
            return sc_json_fail(im->doc, sc_json_get(item, lists[i]), im->err, "more than %d members",
                                SC_MODEL_MAX_LOCALS);
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
                                  int carried)
{
    int i = 0;
    for (const struct sc_json *in = group->in ? sc_json_first(group->in) : NULL; in; in = sc_json_next(in), i++) {
        if (strlen(sc_json_key(in)) > SC_MODEL_MAX_TEXT)
            return sc_json_fail(im->doc, in, im->err, "a name of more than %d bytes", SC_MODEL_MAX_TEXT);
        const char *full = sc_model_full_name(im, sc_json_key(in));
        if (!full)
            return sc_model_no_memory(im);
        enum sc_status status = sc_model_bind(im, in, full, i == 0 && carried != SC_ABSENT ? carried : tensors[i]);
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}

static enum sc_status define_locals(struct sc_importer *im, const struct group *group)
{
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
static enum sc_status enter_layer(struct sc_importer *im, const struct group *group, bool *layer)
{
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
                                  int *carried)
{
    bool layer = false;
    int last = SC_ABSENT;
    int64_t out;
    enum sc_status status = define_locals(im, group);
    if (status == SC_OK)
        status = enter_layer(im, group, &layer);
    if (status == SC_OK)
        status = bind_inputs(im, group, tensors, *carried);
    if (status == SC_OK)
        status = sc_model_items(im, group->body, &last);
    if (layer)
        im->in_layer = false;
    if (status != SC_OK)
        return status;
    if (group->out) {
        status = sc_model_resolve(im, group->out, NULL, &out);
        last = (int)out;
    }
    if (status == SC_OK)
        *carried = last;
    return status;
}

static void cut_prefix(struct sc_importer *im, size_t length)
{
    im->prefix.length = length;
    if (im->prefix.data)
        im->prefix.data[length] = '\0';
}

/* All copies; *last becomes the result of the last one. Each copy "layer.3" can be referred to by that name. */
static enum sc_status expand_copies(struct sc_importer *im, const struct group *group, const int64_t *tensors,
                                    int *last)
{
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
            status = sc_model_bind(im, group->item, sc_str_text(&im->prefix), carried);
        cut_prefix(im, outer);
        *last = carried;
    }
    return status;
}

enum sc_status sc_model_group(struct sc_importer *im, const struct sc_json *item, int *last)
{
    struct group group;
    bool wanted;
    if (im->depth == SC_MODEL_MAX_DEPTH)
        return sc_json_fail(im->doc, item, im->err, "groups nested deeper than %d; does a block use itself?",
                            SC_MODEL_MAX_DEPTH);
    enum sc_status status = read_group(im, item, &group);
    if (status == SC_OK)
        status = sc_model_wanted(im, item, &wanted);
    if (status != SC_OK)
        return status;
    size_t count = group.in ? sc_json_count(group.in) : 0;
    int64_t *tensors = sc_arena_calloc(im->arena, count + 1, sizeof *tensors);
    if (!tensors)
        return sc_model_no_memory(im);
    tensors[0] = SC_ABSENT;
    count = 0;
    for (const struct sc_json *in = group.in ? sc_json_first(group.in) : NULL; in; in = sc_json_next(in)) {
        status = sc_model_resolve(im, in, item, &tensors[count++]);
        if (status != SC_OK)
            return status;
    }
    if (!wanted)
        group.repeat = 0;
    im->depth++;
    status = expand_copies(im, &group, tensors, last);
    im->depth--;
    const char *full = status == SC_OK ? sc_model_full_name(im, group.name) : NULL;
    if (status != SC_OK)
        return status;
    return full ? sc_model_bind(im, item, full, *last) : sc_model_no_memory(im);
}
