/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Makers of rules for kinds that only move numbers: reshape, transpose, split, slice, concat, expand.
 */
#include "make.h"

#include <stdio.h>
#include <string.h>

/* ---- reshape -------------------------------------------------------------------------------------- */

static enum sc_status wanted_shape(const struct sc_making *m, const char *what, struct sc_shape *out)
{
    const struct sc_attribute *shape = sc_make_attribute(m, "shape");
    if (!shape)
        return sc_fail(m->err, SC_INPUT, "%s needs the attribute \"shape\"", what);
    if (shape->count > SC_MAX_RANK)
        return sc_fail(m->err, SC_INPUT, "a shape of %d dimensions; the most is %d", shape->count, SC_MAX_RANK);
    out->rank = shape->count;
    for (int d = 0; d < shape->count; d++) {
        out->size[d] = shape->values[d];
        if (out->size[d] < 1)
            return sc_fail(m->err, SC_INPUT, "dimension %d of the shape is %lld; the least is 1", d + 1,
                           (long long)out->size[d]);
    }
    return SC_OK;
}

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* One side of a reshape while its dimensions are cut into factors. */
struct side {
    const struct sc_shape *shape;
    int dim;                                  /* the dimension being cut */
    int64_t rest;                             /* of it, not yet cut */
    char text[SC_MAX_RANK][4 * SC_NAME_SIZE]; /* its factors so far */
    int pieces[SC_MAX_RANK];
};

/* Go on to the next dimension with something left; false at the end. Dimensions of size 1 have no factors. */
static bool side_advance(struct side *side)
{
    while (side->rest == 1 && ++side->dim < side->shape->rank)
        side->rest = side->shape->size[side->dim];
    return side->dim < side->shape->rank;
}

static bool side_take(struct side *side, const char *name, int64_t size)
{
    size_t used = strlen(side->text[side->dim]);
    if (side->pieces[side->dim] == SC_MAX_PRODUCT)
        return false;
    snprintf(side->text[side->dim] + used, sizeof side->text[0] - used, "%s%s", used ? " " : "", name);
    side->pieces[side->dim]++;
    side->rest /= size;
    return true;
}

static void side_write(const struct side *side, struct sc_str *text)
{
    sc_str_add(text, side->shape->rank == 0 ? "()" : "");
    for (int d = 0; d < side->shape->rank; d++)
        sc_str_addf(text, side->pieces[d] > 1 ? "%s(%s)" : "%s%s", d ? " " : "", side->pieces[d] ? side->text[d] : "_");
}

struct cutting {
    struct side in, out;
    struct sc_names names;
    char replicated[SC_MAX_FACTORS][SC_NAME_SIZE];
    int replicated_count;
};

/* What is left of a dimension has no counterpart on the other side: a factor of its own that cannot be sharded. */
static bool take_rest(struct sc_making *m, struct cutting *c, struct side *side)
{
    if (side->dim >= side->shape->rank || side->rest == 1)
        return true;
    if (c->names.count >= SC_MAX_FACTORS || c->replicated_count >= SC_MAX_FACTORS)
        return false;
    const char *name = sc_make_name(&c->names, "");
    sc_make_size(m, name, side->rest);
    memcpy(c->replicated[c->replicated_count++], name, SC_NAME_SIZE);
    return side_take(side, name, side->rest);
}

/* Cut both shapes into common factors, major first: [12, 5] to [3, 20] is (3 4) 5 and 3 (4 5). Where cuts do not fall
 * together (2·3 against 3·2), the dimensions up to the next common cut keep factors of their own. */
static bool cut(struct sc_making *m, struct cutting *c)
{
    int64_t skew_in = 1, skew_out = 1; /* products of unmatched factors since the last common cut */
    for (;;) {
        bool more_in = side_advance(&c->in), more_out = side_advance(&c->out);
        if (!more_in && !more_out)
            return true;
        int64_t common = more_in && more_out ? greatest_divisor(c->in.rest, c->out.rest) : 1;
        if (skew_in == skew_out && common > 1) {
            if (c->names.count >= SC_MAX_FACTORS)
                return false;
            bool major = c->in.pieces[c->in.dim] == 0;
            const char *name = sc_make_name(&c->names, major ? c->in.shape->names[c->in.dim] : "");
            sc_make_size(m, name, common);
            if (!side_take(&c->in, name, common) || !side_take(&c->out, name, common))
                return false;
            continue;
        }
        struct side *behind = skew_in <= skew_out && more_in ? &c->in : &c->out;
        int64_t *skew = behind == &c->in ? &skew_in : &skew_out;
        *skew *= behind->rest;
        if (!take_rest(m, c, behind))
            return false;
        int64_t both = greatest_divisor(skew_in, skew_out);
        skew_in /= both;
        skew_out /= both;
    }
}

enum sc_status sc_make_reshape(struct sc_making *m)
{
    struct sc_binding *b = m->binding;
    struct sc_shape *result = &b->results[0];
    enum sc_status status = wanted_shape(m, "reshape", result);
    if (status != SC_OK)
        return status;
    double from = 1, to = 1;
    for (int d = 0; d < b->operands[0].rank; d++)
        from *= (double)b->operands[0].size[d];
    for (int d = 0; d < result->rank; d++)
        to *= (double)result->size[d];
    if (from != to)
        return sc_fail(m->err, SC_INPUT, "%.0f numbers do not reshape into %.0f", from, to);
    struct cutting c = {.in = {.shape = &b->operands[0], .dim = -1, .rest = 1},
                        .out = {.shape = result, .dim = -1, .rest = 1}};
    if (!cut(m, &c))
        return sc_fail(m->err, SC_INPUT, "this reshape needs more than %d factors in a dimension or %d in all",
                       SC_MAX_PRODUCT, SC_MAX_FACTORS);
    side_write(&c.in, m->text);
    sc_str_add(m->text, " -> ");
    side_write(&c.out, m->text);
    for (int i = 0; i < c.replicated_count; i++)
        sc_str_addf(m->text, "%s replicate %s", i ? "," : " |", c.replicated[i]);
    b->shaped = true;
    b->inherit = false;
    return SC_OK;
}

/* ---- transpose, split, slice, concat, expand -------------------------------------------------------------- */

/* "d0 d1 _ d3": every dimension of the operand by its name, except `hole` (-1: none). */
static void write_dims(struct sc_str *text, int rank, int hole)
{
    for (int d = 0; d < rank; d++)
        if (d == hole)
            sc_str_addf(text, "%s_", d ? " " : "");
        else
            sc_str_addf(text, "%sd%d", d ? " " : "", d);
}

enum sc_status sc_make_transpose(struct sc_making *m)
{
    const struct sc_attribute *order = sc_make_attribute(m, "order");
    int rank = m->binding->operands[0].rank;
    bool used[SC_MAX_RANK] = {false};
    if (!order || order->count != rank)
        return sc_fail(m->err, SC_INPUT, "transpose needs the attribute \"order\": a list of the %d dimensions", rank);
    write_dims(m->text, rank, -1);
    sc_str_add(m->text, " ->");
    for (int i = 0; i < rank; i++) {
        int axis;
        enum sc_status status = sc_make_axis(m, order->values[i], rank, &axis);
        if (status != SC_OK)
            return status;
        if (used[axis])
            return sc_fail(m->err, SC_INPUT, "\"order\" has dimension %d twice", axis);
        used[axis] = true;
        sc_str_addf(m->text, " d%d", axis);
    }
    return SC_OK;
}

/* Sizes of the pieces of a split along a dimension of `total`, into results[].size[axis]. */
static enum sc_status split_sizes(struct sc_making *m, int axis, int64_t total, int *count)
{
    const struct sc_attribute *sizes = sc_make_attribute(m, "sizes");
    int64_t parts = 0, sum = 0;
    if (!sizes == !sc_make_attribute(m, "parts"))
        return sc_fail(m->err, SC_INPUT, "split needs one of \"parts\" and \"sizes\"");
    enum sc_status status = sizes ? SC_OK : sc_make_int(m, "parts", SC_REQUIRED, 1, SC_MAX_PORTS, &parts);
    if (status != SC_OK)
        return status;
    if (sizes && sizes->count > SC_MAX_PORTS)
        return sc_fail(m->err, SC_INPUT, "split into %d; the most is %d", sizes->count, SC_MAX_PORTS);
    if (!sizes && total % parts != 0)
        return sc_fail(m->err, SC_INPUT, "%lld does not split into %lld equal parts", (long long)total,
                       (long long)parts);
    *count = sizes ? sizes->count : (int)parts;
    for (int i = 0; i < *count; i++) {
        int64_t size = sizes ? sizes->values[i] : total / parts;
        m->binding->results[i].size[axis] = size;
        if (size < 1 || size > total - sum)
            return sc_fail(m->err, SC_INPUT, "the sizes of the split do not add up to %lld", (long long)total);
        sum += size;
    }
    if (sum != total)
        return sc_fail(m->err, SC_INPUT, "the sizes of the split add up to %lld, not %lld", (long long)sum,
                       (long long)total);
    return SC_OK;
}

enum sc_status sc_make_split(struct sc_making *m)
{
    const struct sc_shape *shape = &m->binding->operands[0];
    int64_t value;
    int axis, count = 0;
    enum sc_status status = sc_make_int(m, "axis", SC_REQUIRED, INT32_MIN, INT32_MAX, &value);
    if (status == SC_OK)
        status = sc_make_axis(m, value, shape->rank, &axis);
    if (status == SC_OK)
        status = split_sizes(m, axis, shape->size[axis], &count);
    if (status != SC_OK)
        return status;
    write_dims(m->text, shape->rank, axis);
    for (int i = 0; i < count; i++) {
        struct sc_shape *result = &m->binding->results[i];
        int64_t size = result->size[axis];
        sc_str_add(m->text, i ? ", " : " -> ");
        write_dims(m->text, shape->rank, axis);
        *result = *shape;
        result->size[axis] = size;
    }
    m->binding->shaped = true;
    return SC_OK;
}

enum sc_status sc_make_slice(struct sc_making *m)
{
    const struct sc_shape *shape = &m->binding->operands[0];
    int64_t value, start, size;
    int axis;
    enum sc_status status = sc_make_int(m, "axis", SC_REQUIRED, INT32_MIN, INT32_MAX, &value);
    if (status == SC_OK)
        status = sc_make_axis(m, value, shape->rank, &axis);
    if (status == SC_OK)
        status = sc_make_int(m, "start", 0, 0, shape->size[axis] - 1, &start);
    if (status == SC_OK)
        status = sc_make_int(m, "size", SC_REQUIRED, 1, shape->size[axis] - start, &size);
    if (status != SC_OK)
        return status;
    write_dims(m->text, shape->rank, axis);
    sc_str_add(m->text, " -> ");
    write_dims(m->text, shape->rank, axis);
    m->binding->results[0] = *shape;
    m->binding->results[0].size[axis] = size;
    m->binding->shaped = true;
    return SC_OK;
}

enum sc_status sc_make_concat(struct sc_making *m)
{
    const struct sc_binding *b = m->binding;
    const struct sc_shape *shape = &b->operands[0];
    int64_t value, total = 0;
    int axis;
    enum sc_status status = sc_make_int(m, "axis", SC_REQUIRED, INT32_MIN, INT32_MAX, &value);
    if (status == SC_OK)
        status = sc_make_axis(m, value, shape->rank, &axis);
    for (int k = 0; k < b->operand_count && status == SC_OK; k++) {
        status = sc_make_rank(m, k, shape->rank);
        if (status == SC_OK && __builtin_add_overflow(total, b->operands[k].size[axis], &total))
            return sc_fail(m->err, SC_INPUT, "the joined dimension overflows");
        if (status == SC_OK) {
            sc_str_add(m->text, k ? ", " : "");
            write_dims(m->text, shape->rank, axis);
        }
    }
    if (status != SC_OK)
        return status;
    sc_str_add(m->text, " -> ");
    write_dims(m->text, shape->rank, axis);
    m->binding->results[0] = *shape;
    m->binding->results[0].size[axis] = total;
    m->binding->shaped = true;
    return SC_OK;
}

enum sc_status sc_make_expand(struct sc_making *m)
{
    struct sc_binding *b = m->binding;
    const struct sc_shape *shape = &b->operands[0];
    struct sc_shape *result = &b->results[0];
    enum sc_status status = wanted_shape(m, "expand", result);
    if (status == SC_OK)
        status = sc_make_rank(m, 0, result->rank);
    if (status != SC_OK)
        return status;
    for (int d = 0; d < result->rank; d++) {
        bool grows = shape->size[d] != result->size[d];
        if (grows && shape->size[d] != 1)
            return sc_fail(m->err, SC_INPUT, "dimension %d is %lld; only a dimension of size 1 expands (to %lld)",
                           d + 1, (long long)shape->size[d], (long long)result->size[d]);
        char name[16];
        snprintf(name, sizeof name, "d%d", d);
        sc_str_addf(m->text, "%s%s", d ? " " : "", grows ? "_" : name);
        if (grows)
            sc_make_size(m, name, result->size[d]);
    }
    sc_str_add(m->text, result->rank ? " -> " : "() -> ()");
    write_dims(m->text, result->rank, -1);
    b->shaped = true;
    return SC_OK;
}
