/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an op computes on one device: the roofline model (Williams, Waterman and Patterson 2009), forward and backward.
 */
#include "cost/internal.h"

#include <math.h>

enum { SAVES_RESULT = 1 << 16 };

bool cost_wants_gradient(const struct cost_full *c, int op, int port)
{
    const struct sc_graph *g = c->costs.graph;
    return c->costs.options.mode == SC_TRAIN && g->tensors[g->ops[op].operands[port]].gradient;
}

static int wanted_gradients(const struct cost_full *c, int op)
{
    int wanted = 0;
    for (int k = 0; k < c->costs.graph->ops[op].operand_count; k++)
        wanted += cost_wants_gradient(c, op, k);
    return wanted;
}

bool cost_has_backward(const struct cost_full *c, int op)
{
    return wanted_gradients(c, op) > 0;
}

/* A sum of products: the gradient of each operand is another one, of the result's gradient and the other operands. */
static bool is_product(const struct sc_kind *kind)
{
    return kind->unit == SC_UNIT_MATRIX && (kind->saves & SAVES_RESULT) == 0;
}

/* A product needs an operand only for the gradients of the others. */
bool cost_needs_operand(const struct cost_full *c, int op, int port)
{
    const struct sc_kind *kind = c->costs.graph->ops[op].kind;
    if ((kind->saves >> port & 1) == 0)
        return false;
    int wanted = wanted_gradients(c, op);
    if (is_product(kind))
        wanted -= cost_wants_gradient(c, op, port);
    return wanted > 0;
}

static int pieces_of(const struct sc_axes *axes, const struct sc_strategy *s, int factor)
{
    int pieces = 1;
    for (int a = 0; a < axes->count; a++) {
        if (s->factor[a] == factor)
            pieces *= axes->size[a];
    }
    return pieces;
}

double cost_local_size(const struct cost_full *c, const struct sc_rule *rule, const struct sc_strategy *s, int factor)
{
    double size = (double)rule->factor[factor].size / pieces_of(&c->costs.mesh.axes, s, factor);
    return c->costs.options.uneven == SC_UNEVEN_PAD ? ceil(size) : size;
}

double cost_local_bytes(const struct cost_full *c, int tensor, struct sc_spec spec)
{
    const struct sc_tensor *t = &c->costs.graph->tensors[tensor];
    return sc_spec_bytes(spec, &c->costs.mesh.axes, t->rank, t->size, sc_dtype_bytes(t->dtype),
                         c->costs.options.uneven);
}

double cost_raw_result_bytes(const struct cost_full *c, int op, const struct sc_strategy *s, int result)
{
    return cost_local_bytes(c, c->costs.graph->ops[op].results[result], sc_strategy_gradient_spec(s, result));
}

/* An operand that is looked up, not read whole, moves no more elements than the first result has. */
static double touched_bytes(const struct cost_full *c, int op, const struct sc_strategy *s, int port)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    double bytes = cost_local_bytes(c, o->operands[port], s->operand[port]);
    return (o->kind->sparse >> port & 1) != 0 ? fmin(bytes, cost_raw_result_bytes(c, op, s, 0)) : bytes;
}

/* FLOPs of forward on one device: the share of every factor, padding included. */
static double local_flops(const struct cost_full *c, int op, const struct sc_strategy *s)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    double flops = o->flops;
    for (int f = 0; f < o->rule->factor_count; f++) {
        if (pieces_of(&c->costs.mesh.axes, s, f) > 1)
            flops *= cost_local_size(c, o->rule, s, f) / (double)o->rule->factor[f].size;
    }
    return flops;
}

/* The dtype that the matrix units see: of the first operand; products of integers by floats run as the result. */
static enum sc_dtype unit_dtype(const struct sc_graph *g, const struct sc_op *o)
{
    enum sc_dtype first = g->tensors[o->operands[0]].dtype;
    return sc_dtype_is_float(first) ? first : g->tensors[o->results[0]].dtype;
}

double sc_device_efficiency(const struct sc_device *device, double flops)
{
    int last = device->efficiency_count - 1, i = 0;
    if (last < 0)
        return 1;
    const double *at = device->efficiency_flops, *fraction = device->efficiency_fraction;
    if (flops <= at[0])
        return fraction[0];
    if (flops >= at[last])
        return fraction[last];
    while (flops >= at[i + 1])
        i++;
    double t = log(flops / at[i]) / log(at[i + 1] / at[i]);
    return fraction[i] * pow(fraction[i + 1] / fraction[i], t);
}

/* Seconds of one kernel's arithmetic. */
static double arithmetic_seconds(const struct cost_full *c, const struct sc_op *o, double flops)
{
    const struct sc_device *d = &c->costs.mesh.cluster->device;
    if (!(flops > 0))
        return 0;
    if (o->kind->unit != SC_UNIT_MATRIX)
        return flops / d->vector_peak;
    double efficiency = c->costs.options.matrix_efficiency;
    if (!(efficiency > 0))
        efficiency = sc_device_efficiency(d, flops);
    return flops / (d->peak[unit_dtype(c->costs.graph, o)] * efficiency);
}

enum sc_status cost_check_dtype(const struct cost_full *c, int op, struct sc_error *err)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    const struct sc_device *d = &c->costs.mesh.cluster->device;
    if (!c->costs.options.compute || o->kind->unit != SC_UNIT_MATRIX || d->peak[unit_dtype(c->costs.graph, o)] > 0)
        return SC_OK;
    struct sc_str has = {0};
    for (int t = 0; t < SC_DTYPE_COUNT; t++) {
        if (d->peak[t] > 0)
            sc_str_addf(&has, "%s%s", has.length > 0 ? ", " : "", sc_dtype_name((enum sc_dtype)t));
    }
    sc_fail(err, SC_INPUT, "op %s multiplies matrices of %s, which device %s does not support; it supports %s", o->name,
            sc_dtype_name(unit_dtype(c->costs.graph, o)), d->name, sc_str_text(&has));
    sc_str_free(&has);
    return SC_INPUT;
}

/* One kernel. */
static double kernel_seconds(const struct cost_full *c, const struct sc_op *o, double flops, double traffic)
{
    const struct sc_device *d = &c->costs.mesh.cluster->device;
    double memory = traffic / (d->memory_bandwidth * d->memory_efficiency);
    return fmax(arithmetic_seconds(c, o, flops), memory) + d->launch_s;
}

static void add_forward(const struct cost_full *c, struct sc_item *item, int op, const struct sc_strategy *s)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    item->flops = local_flops(c, op, s);
    for (int k = 0; k < o->operand_count; k++)
        item->traffic += touched_bytes(c, op, s, k);
    for (int r = 0; r < o->result_count; r++)
        item->traffic += cost_raw_result_bytes(c, op, s, r);
    item->seconds = kernel_seconds(c, o, item->flops, item->traffic);
}

/* A product runs one kernel for each gradient: result gradient and other operands in, gradient out. Other ops run one
 * kernel: result gradients and what was saved in, gradients out. */
static void add_backward(const struct cost_full *c, struct sc_item *item, int op, const struct sc_strategy *s)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    const struct sc_graph *g = c->costs.graph;
    int floats = 0, wanted = wanted_gradients(c, op);
    double in = 0, out = 0, saved = 0, operands = 0;
    for (int r = 0; r < o->result_count; r++)
        in += cost_raw_result_bytes(c, op, s, r);
    for (int k = 0; k < o->operand_count; k++) {
        double bytes = touched_bytes(c, op, s, k);
        floats += sc_dtype_is_float(g->tensors[o->operands[k]].dtype);
        operands += bytes;
        if (cost_needs_operand(c, op, k))
            saved += bytes;
        if (cost_wants_gradient(c, op, k))
            out += bytes;
    }
    if ((o->kind->saves & SAVES_RESULT) != 0)
        saved += cost_local_bytes(c, o->results[0], s->result[0]);
    item->flops = local_flops(c, op, s) * o->kind->backward * wanted / floats;
    if (!is_product(o->kind)) {
        item->traffic = in + saved + out;
        item->seconds = kernel_seconds(c, o, item->flops, item->traffic);
        return;
    }
    for (int k = 0; k < o->operand_count; k++) {
        if (!cost_wants_gradient(c, op, k))
            continue;
        double traffic = in + operands; /* the other operands in, this one's gradient out */
        item->traffic += traffic;
        item->seconds += kernel_seconds(c, o, item->flops / wanted, traffic);
    }
}

/* Views move nothing; the gradient of a plain sum is that of its result. */
void cost_add_compute(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, int op,
                      const struct sc_strategy *s)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    if (!c->costs.options.compute || o->kind->view)
        return;
    struct sc_item item = {.phase = phase, .cause = SC_CAUSE_COMPUTE};
    if (phase != SC_BACKWARD)
        add_forward(c, &item, op, s);
    else if (o->kind->flops > 0 && !(o->kind->backward > 0))
        return;
    else
        add_backward(c, &item, op, s);
    cost_add(sink, &item);
}
