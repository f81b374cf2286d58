/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What one choice of a node costs, addend by addend: compute, and the collectives that the strategy itself implies.
 */
#include "cost/internal.h"

#include <math.h>
#include <string.h>

/* ---- sinks ----------------------------------------------------------------------------------------- */

void cost_add(struct cost_sink *sink, const struct sc_item *item)
{
    if (item->phase == SC_ONCE)
        sink->once_s += item->seconds;
    else
        sink->micro_s += item->seconds;
    if (sink->items == NULL)
        return;
    if (sink->count < SC_MAX_ITEMS) {
        sink->items[sink->count++] = *item;
    } else { /* the sum stays right */
        sink->items[SC_MAX_ITEMS - 1].seconds += item->seconds;
        sink->items[SC_MAX_ITEMS - 1].bytes += item->bytes;
    }
}

static void add_scaled_collective(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase,
                                  enum sc_cause cause, enum sc_collective kind, unsigned axes, double bytes,
                                  double times)
{
    struct sc_item item = {.phase = phase,
                           .cause = cause,
                           .kind = kind,
                           .collective = true,
                           .axes = (uint8_t)axes,
                           .bytes = bytes * times};
    item.seconds = times * c->exposed[kind] * sc_collective_seconds(&c->costs.mesh, kind, axes, bytes, &item.algorithm);
    if (bytes > 0 && c->costs.mesh.group[axes].devices > 1)
        cost_add(sink, &item);
}

void cost_add_collective(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, enum sc_cause cause,
                         enum sc_collective kind, unsigned axes, double bytes)
{
    add_scaled_collective(c, sink, phase, cause, kind, axes, bytes, 1);
}

/* ---- ops ------------------------------------------------------------------------------------------- */

static bool walks(const struct sc_walk *walk, int factor, int *dim)
{
    for (int d = 0; d < walk->rank; d++) {
        for (int i = 0; i < walk->dim[d].count; i++) {
            if (walk->dim[d].factor[i] == factor) {
                *dim = d;
                return true;
            }
        }
    }
    return false;
}

/* Axes that shard factors of a kind. */
static unsigned axes_on_kind(const struct cost_full *c, const struct sc_rule *rule, const struct sc_strategy *s,
                             enum sc_factor_kind kind)
{
    unsigned mask = 0;
    for (int a = 0; a < c->costs.mesh.axes.count; a++) {
        if (s->factor[a] >= 0 && rule->factor[s->factor[a]].kind == kind)
            mask |= 1u << a;
    }
    return mask;
}

static unsigned axes_on_factor(const struct cost_full *c, const struct sc_strategy *s, int factor)
{
    unsigned mask = 0;
    for (int a = 0; a < c->costs.mesh.axes.count; a++)
        mask |= (s->factor[a] == factor ? 1u : 0u) << a;
    return mask;
}

/* fp32 statistics of every point of the first operand outside the normalised and the summed factors. */
static void add_statistics(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, int op,
                           const struct sc_strategy *s)
{
    const struct sc_rule *rule = c->costs.graph->ops[op].rule;
    unsigned axes = axes_on_kind(c, rule, s, SC_STAT);
    if (axes == 0)
        return;
    double points = 1, stats = 0;
    int dim;
    for (int f = 0; f < rule->factor_count; f++) {
        enum sc_factor_kind kind = rule->factor[f].kind;
        if (kind == SC_STAT)
            stats = fmax(stats, axes_on_factor(c, s, f) != 0 ? rule->factor[f].stats : 0);
        else if (kind != SC_REDUCE && walks(&rule->operand[0], f, &dim))
            points *= cost_local_size(c, rule, s, f);
    }
    cost_add_collective(c, sink, phase, SC_CAUSE_STATISTICS, SC_ALL_REDUCE, axes, 4 * stats * points);
}

/* Both borders of every operand that walks a sharded spatial factor; backward sends their gradients back. */
static void add_halos(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, int op,
                      const struct sc_strategy *s)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    for (int f = 0; f < o->rule->factor_count; f++) {
        const struct sc_factor *factor = &o->rule->factor[f];
        unsigned axes = axes_on_factor(c, s, f);
        if (factor->kind != SC_HALO || axes == 0)
            continue;
        for (int k = 0; k < o->operand_count; k++) {
            int dim;
            if (!walks(&o->rule->operand[k], f, &dim))
                continue;
            if (phase == SC_BACKWARD && !cost_wants_gradient(c, op, k))
                continue;
            const struct sc_tensor *t = &c->costs.graph->tensors[o->operands[k]];
            double rows = (double)t->size[dim] / sc_axes_product(&c->costs.mesh.axes, axes);
            double bytes = cost_local_bytes(c, o->operands[k], s->operand[k]) / rows * 2 * factor->halo;
            cost_add_collective(c, sink, phase, SC_CAUSE_HALO, SC_PERMUTE, axes, bytes);
        }
    }
}

/* Keys and values pass every device of the ring, and in backward so do their gradients (Liu et al. 2023, ring
 * attention). */
static void add_rings(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, int op,
                      const struct sc_strategy *s)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    for (int f = 0; f < o->rule->factor_count; f++) {
        unsigned axes = axes_on_factor(c, s, f);
        if (o->rule->factor[f].kind != SC_RING || axes == 0)
            continue;
        int steps = c->costs.mesh.group[axes].devices - 1, dim;
        for (int k = 0; k < o->operand_count; k++) {
            if (!walks(&o->rule->operand[k], f, &dim))
                continue;
            double bytes = cost_local_bytes(c, o->operands[k], s->operand[k]);
            add_scaled_collective(c, sink, phase, SC_CAUSE_RING, SC_PERMUTE, axes, bytes,
                                  phase == SC_BACKWARD ? 2 * steps : steps);
        }
    }
}

/* Axes on summed factors that are resolved the same way act together: reduce-scatters first, then one all-reduce of
 * what is left. */
static void add_partials(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, int op,
                         const struct sc_strategy *s)
{
    const struct sc_op *o = &c->costs.graph->ops[op];
    const struct sc_axes *axes = &c->costs.mesh.axes;
    unsigned partial = axes_on_kind(c, o->rule, s, SC_REDUCE);
    if (partial == 0)
        return;
    for (int r = 0; r < o->result_count; r++) {
        double bytes = cost_raw_result_bytes(c, op, s, r);
        unsigned left = partial, reduced = 0;
        for (int a = 0; a < axes->count; a++) {
            if ((left >> a & 1) == 0)
                continue;
            unsigned together = 0;
            for (int b = a; b < axes->count; b++) {
                if ((left >> b & 1) != 0 && s->resolve[b] == s->resolve[a])
                    together |= 1u << b;
            }
            left &= ~together;
            if (s->resolve[a] < 0) {
                reduced = together;
                continue;
            }
            cost_add_collective(c, sink, phase, SC_CAUSE_PARTIAL, SC_REDUCE_SCATTER, together, bytes);
            bytes /= sc_axes_product(axes, together);
        }
        if (reduced != 0)
            cost_add_collective(c, sink, phase, SC_CAUSE_PARTIAL, SC_ALL_REDUCE, reduced, bytes);
    }
}

static void add_op_phase(const struct cost_full *c, struct cost_sink *sink, enum sc_phase phase, int op,
                         const struct sc_strategy *s)
{
    cost_add_compute(c, sink, phase, op, s);
    add_statistics(c, sink, phase, op, s);
    add_halos(c, sink, phase, op, s);
    add_rings(c, sink, phase, op, s);
    if (phase != SC_BACKWARD)
        add_partials(c, sink, phase, op, s); /* its backward belongs to the edges */
}

/* ---- parameters ------------------------------------------------------------------------------------ */

/* Once an iteration: the optimizer reads the gradient, reads and writes its state, writes the parameter; then
 * parameters whose state was sharded further are gathered (ZeRO-1, Rajbhandari et al. 2020). */
static void add_step(const struct cost_full *c, struct cost_sink *sink, int op, const struct sc_strategy *s)
{
    int tensor = c->costs.graph->ops[op].results[0];
    const struct sc_tensor *t = &c->costs.graph->tensors[tensor];
    const struct sc_device *d = &c->costs.mesh.cluster->device;
    const struct sc_axes *axes = &c->costs.mesh.axes;
    if (c->costs.options.mode != SC_TRAIN || !t->gradient)
        return;
    if (c->costs.options.compute) {
        struct sc_recipe recipe = cost_recipe(c, tensor);
        double numbers = sc_spec_bytes(s->result[0], axes, t->rank, t->size, 1, c->costs.options.uneven) /
                         sc_axes_product(axes, s->state_axes);
        struct sc_item item = {.phase = SC_ONCE, .cause = SC_CAUSE_OPTIMIZER};
        item.traffic = numbers * (recipe.gradient + 2 * recipe.optimizer + recipe.parameter);
        item.seconds = item.traffic / (d->memory_bandwidth * d->memory_efficiency);
        cost_add(sink, &item);
    }
    if (s->state_axes != 0)
        cost_add_collective(c, sink, SC_ONCE, SC_CAUSE_PARAMETER_GATHER, SC_ALL_GATHER, s->state_axes,
                            cost_local_bytes(c, tensor, s->result[0]));
}

void cost_of_node(const struct cost_full *c, const struct cost_class *klass, const struct sc_strategy *s,
                  struct cost_sink *sink)
{
    if (klass->op < 0)
        return; /* a fan-out's costs are on its edges */
    enum sc_source source = sc_kind_source(c->costs.graph->ops[klass->op].kind);
    if (source == SC_SOURCE_PARAMETER)
        add_step(c, sink, klass->op, s);
    if (source != SC_SOURCE_NONE)
        return;
    add_op_phase(c, sink, SC_FORWARD, klass->op, s);
    if (klass->recomputed)
        add_op_phase(c, sink, SC_RECOMPUTE, klass->op, s);
    if (cost_has_backward(c, klass->op))
        add_op_phase(c, sink, SC_BACKWARD, klass->op, s);
}
