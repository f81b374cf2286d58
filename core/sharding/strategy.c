/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Strategies from factors. Axes are given out in order, x first, so that the axis being placed is always the minor one
 * of its dimension; a strategy that would need another order is never begun. No two strategies are equal: each gives
 * its axes to other loops or resolves other sums.
 */
#include "sharding/internal.h"

#include <string.h>

typedef SC_VEC(struct sc_strategy) strategy_vec;

static struct sc_strategy strategy_none(void)
{
    struct sc_strategy s;
    memset(&s, 0, sizeof s);
    for (int a = 0; a < SC_MAX_AXES; a++) {
        s.factor[a] = -1;
        s.resolve[a] = SC_RESOLVE_NONE;
    }
    for (int k = 0; k < SC_MAX_PORTS; k++)
        s.operand[k] = s.result[k] = SC_SPEC_REPLICATED;
    return s;
}

static enum sc_status keep(strategy_vec *found, const struct sc_strategy *strategy, const char *what,
                           struct sc_error *err)
{
    if (found->count >= SC_MAX_STRATEGIES)
        return sc_fail(err, SC_LIMIT, "%s can be sharded in more than %d ways; use a mesh with fewer axes", what,
                       SC_MAX_STRATEGIES);
    if (!sc_vec_push(found, *strategy))
        return sc_fail(err, SC_NO_MEMORY, "%s", sc_status_message(SC_NO_MEMORY));
    return SC_OK;
}

static enum sc_status finish(struct sc_arena *arena, strategy_vec *found, enum sc_status status,
                             struct sc_strategies *out, struct sc_error *err)
{
    if (status == SC_OK) {
        out->count = (int)found->count;
        out->at = sc_arena_copy(arena, found->data, found->count * sizeof *found->data);
        if (!out->at)
            status = sc_fail(err, SC_NO_MEMORY, "%s", sc_status_message(SC_NO_MEMORY));
    }
    sc_vec_free(found);
    return status;
}

/* ---- ops ------------------------------------------------------------------------------------------- */

struct nest {
    const struct sc_graph *graph;
    const struct sc_op *op;
    const struct sc_rule *rule;
    const struct sc_axes *axes;
    const struct sc_strategy_options *options;
    bool usable[SC_MAX_FACTORS];
    struct sc_strategy now;
    strategy_vec *found;
};

/* The dimension in which a walk walks a factor, or -1. */
static int dim_of(const struct sc_walk *walk, int factor)
{
    for (int d = 0; d < walk->rank; d++) {
        for (int i = 0; i < walk->dim[d].count; i++) {
            if (walk->dim[d].factor[i] == factor)
                return d;
        }
    }
    return -1;
}

/* The factor of this walk that an axis on `factor` cuts, or -1. An axis on keys cuts what walks the queries along the
 * queries, also where both are walked: a device meets all keys in turn. */
static int cut_factor(const struct sc_rule *rule, const struct sc_walk *walk, int factor)
{
    if (factor < 0)
        return -1;
    if (rule->factor[factor].kind == SC_RING && dim_of(walk, rule->factor[factor].partner) >= 0)
        return rule->factor[factor].partner;
    return dim_of(walk, factor) >= 0 ? factor : -1;
}

static int times_walked(const struct sc_walk *walk, int factor)
{
    int times = 0;
    for (int d = 0; d < walk->rank; d++) {
        for (int i = 0; i < walk->dim[d].count; i++)
            times += walk->dim[d].factor[i] == factor;
    }
    return times;
}

/* Can the factor be sharded at all? A diagonal cannot (one axis, two dimensions of one tensor), nor can a loop whose
 * end only some of the results see: what it leaves in the others is not said by the rule. */
static bool factor_usable(const struct sc_rule *rule, int factor)
{
    enum sc_factor_kind kind = rule->factor[factor].kind;
    if (kind == SC_REPLICATE)
        return false;
    for (int k = 0; k < rule->operand_count; k++) {
        if (times_walked(&rule->operand[k], factor) > 1)
            return false;
    }
    for (int k = 0; k < rule->result_count; k++) {
        if (times_walked(&rule->result[k], factor) > 1)
            return false;
        if (kind != SC_REDUCE && kind != SC_STAT && cut_factor(rule, &rule->result[k], factor) < 0)
            return false;
    }
    return true;
}

/* Into how many pieces the axes before `axis` cut the factor in this walk. */
static int64_t pieces_of(const struct nest *nest, const struct sc_walk *walk, int factor, int axis)
{
    int64_t pieces = 1;
    for (int a = 0; a < axis; a++) {
        if (cut_factor(nest->rule, walk, nest->now.factor[a]) == factor)
            pieces *= nest->axes->size[a];
    }
    return pieces;
}

/* May `axis` cut `factor` in this tensor, after all axes before it? The slices must be contiguous: every factor more
 * major in the dimension is cut to pieces of 1 already. Where a dimension is more than one loop, uneven slices would
 * not end where iterations end, so they must be even. */
static bool cut_fits(const struct nest *nest, const struct sc_walk *walk, const int64_t *size, struct sc_spec spec,
                     int factor, int axis)
{
    int d = dim_of(walk, factor);
    const struct sc_dim *dim = &walk->dim[d];
    bool alone = dim->scale == 1;
    bool major = true;
    for (int i = 0; i < dim->count; i++) {
        int f = dim->factor[i];
        int64_t length = nest->rule->factor[f].size;
        if (f == factor) {
            major = false;
            continue;
        }
        alone = alone && length == 1;
        if (major && pieces_of(nest, walk, f, axis) != length)
            return false;
    }
    enum sc_uneven uneven = alone ? nest->options->uneven : SC_UNEVEN_REFUSE;
    int n = nest->axes->size[axis];
    return sc_cut_allowed(nest->rule->factor[factor].size, pieces_of(nest, walk, factor, axis) * n, uneven) &&
           sc_cut_allowed(size[d], (int64_t)sc_axes_product(nest->axes, sc_spec_dim_axes(spec, d)) * n, uneven);
}

/* Neighbours hold each other's borders only when a shard is as long as the border. */
static bool halo_fits(const struct nest *nest, const int64_t *size, struct sc_spec spec, int dim, int factor, int axis)
{
    const struct sc_factor *f = &nest->rule->factor[factor];
    int64_t pieces = (int64_t)sc_axes_product(nest->axes, sc_spec_dim_axes(spec, dim)) * nest->axes->size[axis];
    return f->kind != SC_HALO || size[dim] / pieces >= f->halo;
}

static const int64_t *operand_size(const struct nest *nest, int k)
{
    return nest->graph->tensors[nest->op->operands[k]].size;
}

static const int64_t *result_size(const struct nest *nest, int k)
{
    return nest->graph->tensors[nest->op->results[k]].size;
}

/* Give `axis` to `factor`: the specs and what they imply. False when it does not fit. */
static bool place(struct nest *nest, int axis, int factor)
{
    const struct sc_rule *rule = nest->rule;
    struct sc_strategy *now = &nest->now;
    for (int k = 0; k < rule->operand_count; k++) {
        int cut = cut_factor(rule, &rule->operand[k], factor);
        if (cut < 0) {
            now->gradient_partial[k] |= (uint8_t)(1u << axis);
            continue;
        }
        int d = dim_of(&rule->operand[k], cut);
        if (!cut_fits(nest, &rule->operand[k], operand_size(nest, k), now->operand[k], cut, axis) ||
            !halo_fits(nest, operand_size(nest, k), now->operand[k], d, cut, axis))
            return false;
        now->operand[k].dim[axis] = (int8_t)d;
    }
    for (int k = 0; k < rule->result_count; k++) {
        int cut = cut_factor(rule, &rule->result[k], factor);
        if (cut < 0)
            continue;
        int d = dim_of(&rule->result[k], cut);
        if (!cut_fits(nest, &rule->result[k], result_size(nest, k), now->result[k], cut, axis))
            return false;
        /* A sum scattered over an earlier axis was cut inside the shards that this axis makes: the wrong order. */
        for (int a = 0; a < axis; a++) {
            if (now->resolve[a] == d)
                return false;
        }
        now->result[k].dim[axis] = (int8_t)d;
    }
    now->factor[axis] = (int8_t)factor;
    return true;
}

/* Let the sum over `axis` be reduce-scattered into dimension d of the only result. */
static bool scatter(struct nest *nest, int axis, int d)
{
    struct sc_spec *spec = &nest->now.result[0];
    int64_t pieces = (int64_t)sc_axes_product(nest->axes, sc_spec_dim_axes(*spec, d)) * nest->axes->size[axis];
    if (!sc_cut_allowed(result_size(nest, 0)[d], pieces, nest->options->uneven))
        return false;
    spec->dim[axis] = (int8_t)d;
    nest->now.resolve[axis] = (int8_t)d;
    return true;
}

static enum sc_status give_axis(struct nest *nest, int axis, struct sc_error *err)
{
    if (axis == nest->axes->count)
        return keep(nest->found, &nest->now, nest->op->name, err);
    enum sc_status status = give_axis(nest, axis + 1, err);
    if (nest->axes->size[axis] == 1)
        return status;
    const struct sc_strategy before = nest->now;
    for (int f = 0; f < nest->rule->factor_count && status == SC_OK; f++) {
        if (!nest->usable[f])
            continue;
        nest->now = before;
        if (place(nest, axis, f)) {
            if (nest->rule->factor[f].kind != SC_REDUCE) {
                status = give_axis(nest, axis + 1, err);
                continue;
            }
            nest->now.resolve[axis] = SC_RESOLVE_ALL_REDUCE;
            status = give_axis(nest, axis + 1, err);
            int rank = nest->options->reduce_scatter && nest->rule->result_count == 1 ? nest->rule->result[0].rank : 0;
            for (int d = 0; d < rank && status == SC_OK; d++) {
                nest->now = before;
                if (place(nest, axis, f) && scatter(nest, axis, d))
                    status = give_axis(nest, axis + 1, err);
            }
        }
    }
    nest->now = before;
    return status;
}

/* ---- tensors: parameters, inputs, fan-outs --------------------------------------------------------- */

/* What an axis that shards no dimension may do instead of nothing. */
enum instead { NOTHING, SHARD_STATE, STAY_PARTIAL };

struct layout {
    const struct sc_tensor *tensor;
    const struct sc_axes *axes;
    enum sc_uneven uneven;
    enum instead instead;
    struct sc_strategy now;
    strategy_vec *found;
};

/* Optimizer state is cut along its flattened numbers: any number of pieces that leaves each with something. */
static bool state_fits(const struct layout *layout)
{
    int64_t numbers = 1;
    for (int d = 0; d < layout->tensor->rank; d++)
        numbers *= layout->tensor->size[d];
    return numbers / sc_spec_shards(layout->now.result[0], layout->axes) >=
           sc_axes_product(layout->axes, layout->now.state_axes);
}

static enum sc_status keep_layout(struct layout *layout, struct sc_error *err)
{
    if (layout->now.state_axes == 0)
        return keep(layout->found, &layout->now, layout->tensor->name, err);
    if (!state_fits(layout))
        return SC_OK;
    enum sc_status status = keep(layout->found, &layout->now, layout->tensor->name, err);
    if (status == SC_OK) {
        layout->now.shard_gradient = true;
        status = keep(layout->found, &layout->now, layout->tensor->name, err);
        layout->now.shard_gradient = false;
    }
    return status;
}

static enum sc_status lay_axis(struct layout *layout, int axis, struct sc_error *err)
{
    if (axis == layout->axes->count)
        return keep_layout(layout, err);
    enum sc_status status = lay_axis(layout, axis + 1, err);
    if (layout->axes->size[axis] == 1)
        return status;
    const struct sc_strategy before = layout->now;
    if (status == SC_OK && layout->instead != NOTHING) {
        uint8_t *set = layout->instead == SHARD_STATE ? &layout->now.state_axes : &layout->now.partial;
        *set |= (uint8_t)(1u << axis);
        status = lay_axis(layout, axis + 1, err);
    }
    for (int d = 0; d < layout->tensor->rank && status == SC_OK; d++) {
        layout->now = before;
        layout->now.factor[axis] = layout->now.result[0].dim[axis] = (int8_t)d;
        int64_t pieces = sc_axes_product(layout->axes, sc_spec_dim_axes(layout->now.result[0], d));
        if (sc_cut_allowed(layout->tensor->size[d], pieces, layout->uneven))
            status = lay_axis(layout, axis + 1, err);
    }
    layout->now = before;
    return status;
}

static enum sc_status lay_out(const struct sc_tensor *tensor, const struct sc_axes *axes,
                              const struct sc_strategy_options *options, enum instead instead, strategy_vec *found,
                              struct sc_error *err)
{
    struct layout layout = {.tensor = tensor,
                            .axes = axes,
                            .uneven = options->uneven,
                            .instead = instead,
                            .now = strategy_none(),
                            .found = found};
    return lay_axis(&layout, 0, err);
}

/* ---- public ---------------------------------------------------------------------------------------- */

enum sc_subject sc_subject_of(const struct sc_op *op)
{
    if (strcmp(op->kind->name, SC_KIND_PARAMETER) == 0)
        return SC_SUBJECT_PARAMETER;
    return strcmp(op->kind->name, SC_KIND_INPUT) == 0 ? SC_SUBJECT_INPUT : SC_SUBJECT_OP;
}

enum sc_status sc_strategies_of_op(struct sc_arena *arena, const struct sc_graph *graph, int op,
                                   const struct sc_axes *axes, const struct sc_strategy_options *options,
                                   struct sc_strategies *out, struct sc_error *err)
{
    const struct sc_op *o = &graph->ops[op];
    strategy_vec found = {0};
    enum sc_status status;
    enum sc_subject subject = sc_subject_of(o);
    if (subject == SC_SUBJECT_OP) {
        struct nest nest = {.graph = graph,
                            .op = o,
                            .rule = o->rule,
                            .axes = axes,
                            .options = options,
                            .now = strategy_none(),
                            .found = &found};
        for (int f = 0; f < o->rule->factor_count; f++)
            nest.usable[f] = factor_usable(o->rule, f);
        status = give_axis(&nest, 0, err);
    } else {
        const struct sc_tensor *tensor = &graph->tensors[o->results[0]];
        bool state = subject == SC_SUBJECT_PARAMETER && options->training && options->shard_state && tensor->gradient;
        status = lay_out(tensor, axes, options, state ? SHARD_STATE : NOTHING, &found, err);
    }
    return finish(arena, &found, status, out, err);
}

enum sc_status sc_strategies_of_fanout(struct sc_arena *arena, const struct sc_graph *graph, int tensor,
                                       const struct sc_axes *axes, const struct sc_strategy_options *options,
                                       struct sc_strategies *out, struct sc_error *err)
{
    const struct sc_tensor *t = &graph->tensors[tensor];
    strategy_vec found = {0};
    enum sc_status status =
        lay_out(t, axes, options, options->training && t->gradient ? STAY_PARTIAL : NOTHING, &found, err);
    for (size_t i = 0; i < found.count; i++)
        found.data[i].operand[0] = found.data[i].result[0];
    return finish(arena, &found, status, out, err);
}

struct sc_spec sc_strategy_gradient_spec(const struct sc_strategy *strategy, int result)
{
    struct sc_spec spec = strategy->result[result];
    for (int a = 0; a < SC_MAX_AXES; a++) {
        if (strategy->resolve[a] >= 0)
            spec.dim[a] = -1;
    }
    return spec;
}

int sc_strategy_split(const struct sc_strategy *strategy, const struct sc_axes *axes)
{
    unsigned mask = 0;
    for (int a = 0; a < SC_MAX_AXES; a++)
        mask |= (unsigned)(strategy->factor[a] >= 0) << a;
    return sc_axes_product(axes, mask);
}
