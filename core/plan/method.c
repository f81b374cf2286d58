/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Parallel methods by their names: what other frameworks do by design is here a set of pins. Each op keeps of its
 * strategies those that are most of the method's kind; what the method leaves open (the axis orders, who gathers,
 * where stages are cut) is chosen best. So a baseline is never worse than the method has to be, and where a method
 * cannot be followed (a batch that does not divide), it is followed as far as it goes.
 *
 * Which factor of an op is the batch is told by the graph: the batch of an input is its dimension "b", or its first,
 * and an op hands it from operands to results through the factor that walks it.
 */
#include <stdio.h>
#include <string.h>

#include "plan/internal.h"

struct shape {
    int tensor, pipeline, data; /* t×p×d of megatron */
    unsigned axes, data_axes;   /* of the mesh: those of more than one device, and those of data parallelism */
};

/* What a strategy is asked. */
struct question {
    struct shape shape;
    int batch;        /* the op's factor, -1: none */
    unsigned weights; /* bit k: operand k is a parameter of at least two dimensions */
};

/* How much of the method a strategy follows. */
typedef int (*score_fn)(const struct sc_strategy *s, const struct question *q);

static int on_batch(const struct sc_strategy *s, int batch, unsigned axes)
{
    int count = 0;
    for (int a = 0; a < SC_MAX_AXES; a++)
        count += (axes >> a & 1) && (batch >= 0 ? s->factor[a] == batch : s->factor[a] < 0);
    return count;
}

static int data_op(const struct sc_strategy *s, const struct question *q)
{
    return on_batch(s, q->batch, q->shape.axes);
}

static unsigned stored_axes(const struct sc_strategy *s)
{
    return sc_spec_axes(s->result[0]);
}

static int replicated(const struct sc_strategy *s, const struct question *q)
{
    (void)q;
    return !stored_axes(s) && !s->state_axes && !s->shard_gradient;
}

static int state_sharded(const struct sc_strategy *s, bool gradient)
{
    bool alike = !stored_axes(s) && s->shard_gradient == (gradient && s->state_axes);
    return alike ? 1 + __builtin_popcount(s->state_axes) : 0;
}

static int zero_1(const struct sc_strategy *s, const struct question *q)
{
    (void)q;
    return state_sharded(s, false);
}

static int zero_2(const struct sc_strategy *s, const struct question *q)
{
    (void)q;
    return state_sharded(s, true);
}

static int zero_3(const struct sc_strategy *s, const struct question *q)
{
    (void)q;
    return s->state_axes || s->shard_gradient ? 0 : 1 + __builtin_popcount(stored_axes(s));
}

/* Data over some axes; the others shard weights, never the batch. */
static int megatron_op(const struct sc_strategy *s, const struct question *q)
{
    unsigned tensor = q->shape.axes & ~q->shape.data_axes;
    int score = on_batch(s, q->batch, q->shape.data_axes) + __builtin_popcount(tensor);
    for (int k = 0; k < SC_MAX_PORTS; k++)
        if (q->weights >> k & 1)
            score += __builtin_popcount(sc_spec_axes(s->operand[k]) & tensor);
    return q->batch >= 0 ? score - on_batch(s, q->batch, tensor) : score;
}

static int megatron_parameter(const struct sc_strategy *s, const struct question *q)
{
    unsigned tensor = q->shape.axes & ~q->shape.data_axes;
    if ((stored_axes(s) & q->shape.data_axes) || s->state_axes)
        return 0;
    return 1 + (q->weights ? __builtin_popcount(stored_axes(s) & tensor) : 0);
}

static const struct method {
    const char *name, *help;
    bool one_stage;
    score_fn op, parameter; /* NULL: anything */
} methods[] = {
    {"data", "data parallel: every device a part of the batch, all parameters", true, data_op, replicated},
    {"zero-1", "data parallel; the optimizer's state is sharded", true, data_op, zero_1},
    {"zero-2", "data parallel; optimizer state and gradients are sharded", true, data_op, zero_2},
    {"zero-3", "data parallel; parameters, gradients and state are sharded (FSDP)", true, data_op, zero_3},
    {"megatron:TxPxD", "T devices share tensors, P pipeline stages, D parts of the batch", false, megatron_op,
     megatron_parameter},
    {"inter-op", "pipeline stages of one device each", false, NULL, NULL},
    {"intra-op", "one stage; every op as is best", true, NULL, NULL},
};

static const struct method *find(const char *text, struct shape *shape)
{
    static const char megatron[] = "megatron:";
    struct sc_axes sizes;
    *shape = (struct shape){0};
    for (size_t i = 0; i < SC_LEN(methods); i++)
        if (strcmp(methods[i].name, text) == 0 && !strchr(text, ':'))
            return &methods[i];
        else if (strchr(methods[i].name, ':') && strncmp(text, megatron, sizeof megatron - 1) == 0 &&
                 sc_axes_parse(text + sizeof megatron - 1, &sizes) && sizes.count == 3) {
            *shape = (struct shape){.tensor = sizes.size[0], .pipeline = sizes.size[1], .data = sizes.size[2]};
            return &methods[i];
        }
    return NULL;
}

const char *sc_method_at(size_t index, const char **help)
{
    if (index >= SC_LEN(methods))
        return NULL;
    *help = methods[index].help;
    return methods[index].name;
}

bool plan_method_exists(const char *text)
{
    struct shape shape;
    return find(text, &shape) != NULL;
}

/* ---- settings --------------------------------------------------------------------------------------- */

static enum sc_status put(struct sc_settings *s, const char *option, const char *value, struct sc_error *err)
{
    enum sc_status status = sc_settings_set(s, option, value, err);
    return status == SC_OK || status == SC_NO_MEMORY
               ? status
               : sc_fail(err, SC_USAGE, "--method %s: %s", s->method, "its stages and meshes cannot be set");
}

static bool stages_agree(const struct sc_settings *s, int64_t stages)
{
    return s->stages_max == 0 || (s->stages_min <= stages && stages <= s->stages_max);
}

static enum sc_status set_megatron(struct sc_settings *s, const struct shape *shape, int host, struct sc_error *err)
{
    int each = shape->tensor * shape->data, hosts = each > host ? each / host : 1;
    char mesh[64], text[128];
    if (each > host && each % host != 0)
        return sc_fail(err, SC_USAGE, "--method %s: a stage of %d devices is no whole number of hosts of %d", s->method,
                       each, host);
    if (shape->tensor > 1 && shape->data > 1)
        snprintf(mesh, sizeof mesh, "%dx%d", shape->data, shape->tensor);
    else
        snprintf(mesh, sizeof mesh, "%d", each);
    if (shape->pipeline == 1)
        return put(s, "mesh", mesh, err);
    snprintf(text, sizeof text, "%d", shape->pipeline);
    enum sc_status status = put(s, "stages", text, err);
    for (int i = 0; i < shape->pipeline && status == SC_OK; i++) {
        snprintf(text, sizeof text, "%d=%dx%d:%s", i, hosts, each / hosts, mesh);
        status = put(s, "stage-mesh", text, err);
    }
    return status;
}

enum sc_status plan_method_settings(struct sc_settings *s, int hosts, int host_devices, struct sc_error *err)
{
    struct shape shape;
    const struct method *m = find(s->method, &shape);
    int64_t devices = (int64_t)hosts * host_devices;
    int64_t stages = shape.pipeline ? shape.pipeline : m->one_stage ? 1 : devices;
    char text[32];
    if (shape.pipeline && (int64_t)shape.tensor * shape.pipeline * shape.data != devices)
        return sc_fail(err, SC_USAGE, "--method %s: is for %lld devices, and there are %lld (--devices)", s->method,
                       (long long)shape.tensor * shape.pipeline * shape.data, (long long)devices);
    if (!stages_agree(s, stages))
        return sc_fail(err, SC_USAGE, "--method %s has %lld stages; leave --stages out", s->method, (long long)stages);
    s->stages_min = s->stages_max = 0;
    if (m->one_stage)
        return SC_OK;
    if (shape.pipeline)
        return set_megatron(s, &shape, host_devices, err);
    snprintf(text, sizeof text, "%lld", (long long)stages);
    enum sc_status status = put(s, "stages", text, err);
    return status == SC_OK ? put(s, "submeshes", "1x1", err) : status;
}

/* ---- strategies ------------------------------------------------------------------------------------- */

/* The dimension of the batch of each tensor, -1: none; and the factor of each op. */
static int *batch_factors(struct sc_arena *arena, const struct sc_graph *g)
{
    int *factor = sc_arena_calloc(arena, (size_t)g->op_count + 1, sizeof *factor);
    int8_t *dim = sc_arena_calloc(arena, (size_t)g->tensor_count + 1, sizeof *dim);
    if (!factor || !dim)
        return NULL;
    for (int o = 0; o < g->op_count; o++) { /* in topological order */
        const struct sc_op *op = &g->ops[o];
        enum sc_source source = sc_kind_source(op->kind);
        factor[o] = -1;
        for (int k = 0; k < op->operand_count && factor[o] < 0; k++) {
            int d = dim[op->operands[k]];
            if (d >= 0 && d < op->rule->operand[k].rank && op->rule->operand[k].dim[d].count > 0)
                factor[o] = op->rule->operand[k].dim[d].factor[0];
        }
        for (int r = 0; r < op->result_count; r++) {
            int8_t *of = &dim[op->results[r]];
            const struct sc_walk *walk = &op->rule->result[r];
            *of = source == SC_SOURCE_INPUT && walk->rank > 0 ? 0 : -1;
            for (int d = 0; d < walk->rank; d++) {
                const struct sc_dim *w = &walk->dim[d];
                bool named = source == SC_SOURCE_INPUT || source == SC_SOURCE_CACHE
                                 ? w->count > 0 && strcmp(op->rule->factor[w->factor[0]].name, "b") == 0
                                 : w->count > 0 && w->factor[0] == factor[o];
                if (named)
                    *of = (int8_t)d;
            }
        }
    }
    return factor;
}

static int *best_of(struct sc_arena *arena, const struct sc_strategies *set, score_fn score, const struct question *q)
{
    int *out = sc_arena_calloc(arena, (size_t)set->count + 1, sizeof *out), count = 0, most = -1;
    for (int c = 0; out && c < set->count; c++) {
        int found = score(&set->at[c], q);
        if (found > most)
            count = 0;
        if (found >= most) {
            most = found;
            out[count++] = c;
        }
    }
    if (out)
        out[count] = -1;
    return out;
}

static bool is_weight(const struct sc_graph *g, int tensor)
{
    const struct sc_tensor *t = &g->tensors[tensor];
    return t->rank >= 2 && sc_kind_source(g->ops[t->op].kind) == SC_SOURCE_PARAMETER;
}

static unsigned weights_of(const struct sc_graph *g, int op)
{
    const struct sc_op *o = &g->ops[op];
    unsigned mask = 0;
    for (int k = 0; k < o->operand_count; k++)
        mask |= is_weight(g, o->operands[k]) ? 1u << k : 0;
    return mask | (o->result_count && is_weight(g, o->results[0]));
}

enum sc_status plan_method_choices(struct sc_arena *arena, const struct sc_costs *costs, const char *method,
                                   int **wanted, struct sc_error *err)
{
    const struct sc_graph *g = costs->graph;
    struct question q;
    const struct method *m = find(method, &q.shape);
    const int *batch = batch_factors(arena, g);
    for (int a = 0; a < costs->mesh.axes.count; a++)
        q.shape.axes |= costs->mesh.axes.size[a] > 1 ? 1u << a : 0;
    /* The mesh is data × tensor, or the one of them that there is. */
    q.shape.data_axes = q.shape.data > 1 ? q.shape.tensor > 1 ? 1u : q.shape.axes : 0;
    for (int o = 0; batch && o < g->op_count; o++) {
        enum sc_source source = sc_kind_source(g->ops[o].kind);
        score_fn score = source == SC_SOURCE_PARAMETER ? m->parameter : source == SC_SOURCE_NONE ? m->op : NULL;
        wanted[o] = NULL;
        if (!score || costs->op_node[o] < 0)
            continue;
        q.batch = batch[o];
        q.weights = weights_of(g, o);
        wanted[o] = best_of(arena, costs->nodes[costs->op_node[o]].set, score, &q);
        if (!wanted[o])
            return sc_fail(err, SC_NO_MEMORY, "no memory for a method");
    }
    return batch ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for a method");
}
