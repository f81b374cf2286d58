/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "build.h"

#include <stdio.h>

int make_source(struct sc_graph_builder *b, const char *kind, const char *name, enum sc_dtype dtype,
                const int64_t *shape)
{
    struct sc_op_spec spec = {.name = name, .kind = kind, .dtype = &dtype, .shape = shape};
    struct sc_error err = {0};
    int tensor = -1;
    while (shape[spec.rank])
        spec.rank++;
    if (sc_graph_add_op(b, &spec, &tensor, &err) != SC_OK)
        fail_msg("%s: %s", name, err.message);
    return tensor;
}

int make_op(struct sc_graph_builder *b, const char *name, const char *kind, const char *rule, const int *operands)
{
    struct sc_op_spec spec = {.name = name, .kind = kind, .rule = rule, .operands = operands};
    struct sc_error err = {0};
    int tensor = -1;
    while (operands[spec.operand_count] >= 0)
        spec.operand_count++;
    if (sc_graph_add_op(b, &spec, &tensor, &err) != SC_OK)
        fail_msg("%s: %s", name, err.message);
    return tensor;
}

struct sc_graph *finish(struct sc_graph_builder *b, int output)
{
    struct sc_graph *graph = NULL;
    struct sc_error err = {0};
    if (sc_graph_mark_output(b, output, &err) != SC_OK || sc_graph_build(b, &graph, &err) != SC_OK)
        fail_msg("%s", err.message);
    sc_graph_builder_free(b);
    return graph;
}

const char *shape_text(const struct sc_tensor *tensor, char out[128])
{
    struct sc_str text = {0};
    for (int d = 0; d < tensor->rank; d++)
        sc_str_addf(&text, "%s%lld", d ? ", " : "", (long long)tensor->size[d]);
    snprintf(out, 128, "[%s] %s", sc_str_text(&text), sc_dtype_name(tensor->dtype));
    sc_str_free(&text);
    return out;
}
