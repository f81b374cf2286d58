/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cheapest ways between all states of a tensor of one shape. A state gives each axis one of rank + 2 places: nowhere,
 * partial, or a dimension; so a state is a number in that base. Within a dimension axes stand in axis order, hence only
 * the last ones can be gathered, and only later ones can be added.
 */
#include "sharding/internal.h"

#include <math.h>
#include <string.h>

enum { MAX_MOVES = 128, NO_STATE = UINT16_MAX, PLACE_NONE = 0, PLACE_PARTIAL = 1, PLACE_DIM = 2 };

struct sc_reshard {
    struct sc_axes axes;
    int rank, count;     /* states */
    const uint16_t *index; /* by number; NO_STATE where the shape does not allow it */
    const struct sc_state *states;
    const double *shard;   /* bytes of a shard, a state */
    const double *seconds; /* from × to */
    const uint16_t *via;   /* from × to: the state before `to` */
};

/* ---- states ---------------------------------------------------------------------------------------- */

/* The number of a state, or -1 when it makes no sense on these axes. Axes of size 1 do nothing wherever they are. */
static int number_of(const struct sc_reshard *r, struct sc_state state)
{
    int number = 0, base = r->rank + PLACE_DIM, unit = 1;
    for (int a = 0; a < r->axes.count; a++, unit *= base) {
        int d = state.spec.dim[a];
        bool partial = state.partial >> a & 1;
        if (r->axes.size[a] == 1)
            continue;
        if (d >= r->rank || (d >= 0 && partial))
            return -1;
        number += unit * (d >= 0 ? PLACE_DIM + d : partial ? PLACE_PARTIAL : PLACE_NONE);
    }
    return number;
}

static int index_of(const struct sc_reshard *r, struct sc_state state)
{
    int number = number_of(r, state);
    return number < 0 ? NO_STATE : r->index[number];
}

/* The state of a number; false when it puts an axis of size 1 anywhere. */
static bool state_of(const struct sc_reshard *r, int number, struct sc_state *state)
{
    int base = r->rank + PLACE_DIM;
    state->spec = SC_SPEC_REPLICATED;
    state->partial = 0;
    for (int a = 0; a < r->axes.count; a++, number /= base) {
        int place = number % base;
        if (place != PLACE_NONE && r->axes.size[a] == 1)
            return false;
        if (place == PLACE_PARTIAL)
            state->partial |= (uint8_t)(1u << a);
        if (place >= PLACE_DIM)
            state->spec.dim[a] = (int8_t)(place - PLACE_DIM);
    }
    return true;
}

/* ---- moves ----------------------------------------------------------------------------------------- */

struct moves {
    int count;
    struct sc_move at[MAX_MOVES];
    uint16_t to[MAX_MOVES];
};

/* The whole tensor of a group, as struct sc_move wants it. */
static double move_bytes(const struct sc_reshard *r, enum sc_collective kind, unsigned axes, int from, int to)
{
    switch (kind) {
    case SC_ALL_GATHER:
        return r->shard[to];
    case SC_ALL_TO_ALL:
        return r->shard[from] * sc_axes_product(&r->axes, axes);
    case SC_SLICE:
        return 0;
    default:
        return r->shard[from];
    }
}

static void add_move(const struct sc_reshard *r, struct moves *moves, enum sc_collective kind, unsigned axes, int from,
                     struct sc_state state)
{
    int to = index_of(r, state);
    if (to == NO_STATE)
        return;
    moves->at[moves->count] =
        (struct sc_move){.kind = kind, .axes = (uint8_t)axes, .bytes = move_bytes(r, kind, axes, from, to), .to = state};
    moves->to[moves->count++] = (uint16_t)to;
}

/* May `axes` stand behind the axes that are on dimension d? */
static bool minor_to(struct sc_spec spec, int d, unsigned axes)
{
    return sc_spec_dim_axes(spec, d) < (axes & -axes);
}

static struct sc_state with_axes_at(struct sc_state state, unsigned axes, int d)
{
    for (int a = 0; a < SC_MAX_AXES; a++) {
        if (axes >> a & 1)
            state.spec.dim[a] = (int8_t)d;
    }
    state.partial &= (uint8_t)~axes;
    return state;
}

/* From one dimension, of which `axes` are the last: nowhere, or to the end of another. */
static void moves_from_dim(const struct sc_reshard *r, int from, unsigned axes, int d, struct moves *moves)
{
    const struct sc_state state = r->states[from];
    unsigned stay = sc_spec_dim_axes(state.spec, d) & ~axes;
    if (stay >= (axes & -axes))
        return;
    add_move(r, moves, SC_ALL_GATHER, axes, from, with_axes_at(state, axes, -1));
    for (int to = 0; to < r->rank; to++) {
        if (to != d && minor_to(state.spec, to, axes))
            add_move(r, moves, SC_ALL_TO_ALL, axes, from, with_axes_at(state, axes, to));
    }
}

static void moves_from_partial(const struct sc_reshard *r, int from, unsigned axes, struct moves *moves)
{
    const struct sc_state state = r->states[from];
    add_move(r, moves, SC_ALL_REDUCE, axes, from, with_axes_at(state, axes, -1));
    for (int d = 0; d < r->rank; d++) {
        if (minor_to(state.spec, d, axes))
            add_move(r, moves, SC_REDUCE_SCATTER, axes, from, with_axes_at(state, axes, d));
    }
}

/* One axis at a time is enough: these are free. */
static void moves_from_replicated(const struct sc_reshard *r, int from, unsigned axis, struct moves *moves)
{
    struct sc_state state = r->states[from];
    for (int d = 0; d < r->rank; d++) {
        if (minor_to(state.spec, d, axis))
            add_move(r, moves, SC_SLICE, axis, from, with_axes_at(state, axis, d));
    }
    state.partial |= (uint8_t)axis;
    add_move(r, moves, SC_SLICE, axis, from, state);
}

/* Every move from a state, in a fixed order; no two lead to the same state. */
static void moves_of(const struct sc_reshard *r, int from, struct moves *moves)
{
    const struct sc_state *state = &r->states[from];
    moves->count = 0;
    for (unsigned axes = 1; axes < 1u << r->axes.count; axes++) {
        for (int d = 0; d < r->rank; d++) {
            if ((sc_spec_dim_axes(state->spec, d) & axes) == axes)
                moves_from_dim(r, from, axes, d, moves);
        }
        if ((state->partial & axes) == axes)
            moves_from_partial(r, from, axes, moves);
        if ((axes & (axes - 1)) == 0 && !((state->partial | sc_spec_axes(state->spec)) & axes))
            moves_from_replicated(r, from, axes, moves);
    }
}

/* ---- paths ----------------------------------------------------------------------------------------- */

/* Moves of all states, in rows; kept only while the paths are found. */
struct arcs {
    uint32_t *first; /* count + 1 */
    uint16_t *to;
    double *seconds;
};

/* A price that was asked before for the same bytes. */
struct quote {
    double bytes, seconds;
};
struct market {
    sc_move_price price;
    const void *user;
    struct quote quotes[SC_COLLECTIVE_COUNT][1 << SC_MAX_AXES][1 << SC_MAX_AXES];
};

static double price_of(struct market *market, const struct sc_move *move, unsigned sharded)
{
    if (move->kind == SC_SLICE)
        return 0;
    struct quote *quote = &market->quotes[move->kind][move->axes][sharded];
    if (quote->bytes != move->bytes) {
        quote->bytes = move->bytes;
        quote->seconds = market->price(market->user, move->kind, move->axes, move->bytes);
        if (!(quote->seconds >= 0)) /* not a price: no way */
            quote->seconds = INFINITY;
    }
    return quote->seconds;
}

static bool lay_arcs(const struct sc_reshard *r, struct market *market, struct arcs *arcs)
{
    SC_VEC(uint16_t) to = {0};
    SC_VEC(double) seconds = {0};
    struct moves moves;
    bool ok = true;
    for (int from = 0; from < r->count && ok; from++) {
        arcs->first[from] = (uint32_t)to.count;
        moves_of(r, from, &moves);
        for (int i = 0; i < moves.count && ok; i++) {
            double s = price_of(market, &moves.at[i], sc_spec_axes(r->states[from].spec));
            if (s < INFINITY)
                ok = sc_vec_push(&to, moves.to[i]) && sc_vec_push(&seconds, s);
        }
    }
    arcs->first[r->count] = (uint32_t)to.count;
    arcs->to = to.data;
    arcs->seconds = seconds.data;
    return ok;
}

/* A binary heap of states, least (seconds, steps, state) first. */
struct heap {
    int count;
    uint16_t *at, *where; /* where[state]: its place in `at` */
    const double *seconds;
    const uint16_t *steps;
};

static bool heap_less(const struct heap *h, uint16_t a, uint16_t b)
{
    if (h->seconds[a] != h->seconds[b])
        return h->seconds[a] < h->seconds[b];
    return h->steps[a] != h->steps[b] ? h->steps[a] < h->steps[b] : a < b;
}

static void heap_up(struct heap *h, int i, uint16_t state)
{
    for (; i > 0 && heap_less(h, state, h->at[(i - 1) / 2]); i = (i - 1) / 2) {
        h->at[i] = h->at[(i - 1) / 2];
        h->where[h->at[i]] = (uint16_t)i;
    }
    h->at[i] = state;
    h->where[state] = (uint16_t)i;
}

static uint16_t heap_pop(struct heap *h)
{
    uint16_t top = h->at[0], last = h->at[--h->count];
    int i = 0;
    for (int child = 1; child < h->count; child = 2 * i + 1) {
        if (child + 1 < h->count && heap_less(h, h->at[child + 1], h->at[child]))
            child++;
        if (!heap_less(h, h->at[child], last))
            break;
        h->at[i] = h->at[child];
        h->where[h->at[i]] = (uint16_t)i;
        i = child;
    }
    if (h->count > 0)
        heap_up(h, i, last);
    return top;
}

/* Dijkstra from one state: seconds[to] and via[to]. */
static void paths_from(const struct arcs *arcs, int count, int source, struct heap *h, double *seconds, uint16_t *steps,
                       uint16_t *via)
{
    for (int s = 0; s < count; s++) {
        seconds[s] = INFINITY;
        via[s] = NO_STATE;
        h->where[s] = NO_STATE;
    }
    seconds[source] = 0;
    steps[source] = 0;
    h->seconds = seconds;
    h->steps = steps;
    h->count = 1;
    heap_up(h, 0, (uint16_t)source);
    while (h->count > 0) {
        uint16_t from = heap_pop(h);
        double base = seconds[from];
        uint16_t hops = (uint16_t)(steps[from] + 1);
        for (uint32_t i = arcs->first[from]; i < arcs->first[from + 1]; i++) {
            uint16_t to = arcs->to[i];
            double s = base + arcs->seconds[i];
            if (s > seconds[to] || (s == seconds[to] && hops >= steps[to]))
                continue;
            seconds[to] = s;
            steps[to] = hops;
            via[to] = from;
            heap_up(h, h->where[to] == NO_STATE ? h->count++ : h->where[to], to);
        }
    }
}

static bool find_paths(struct sc_reshard *r, struct sc_arena *arena, struct market *market)
{
    size_t n = (size_t)r->count;
    struct arcs arcs = {.first = sc_calloc(n + 1, sizeof *arcs.first)};
    struct heap heap = {.at = sc_calloc(n, sizeof *heap.at), .where = sc_calloc(n, sizeof *heap.where)};
    uint16_t *steps = sc_calloc(n, sizeof *steps);
    double *seconds = sc_arena_calloc(arena, n * n, sizeof *seconds);
    uint16_t *via = sc_arena_calloc(arena, n * n, sizeof *via);
    bool ok = arcs.first && heap.at && heap.where && steps && seconds && via && lay_arcs(r, market, &arcs);
    for (size_t s = 0; s < n && ok; s++)
        paths_from(&arcs, r->count, (int)s, &heap, seconds + s * n, steps, via + s * n);
    r->seconds = seconds;
    r->via = via;
    sc_free(steps);
    sc_free(heap.at);
    sc_free(heap.where);
    sc_free(arcs.first);
    sc_free(arcs.to);
    sc_free(arcs.seconds);
    return ok;
}

/* ---- public ---------------------------------------------------------------------------------------- */

static bool find_states(struct sc_reshard *r, struct sc_arena *arena, const int64_t *size, double item_bytes,
                        enum sc_uneven uneven)
{
    int numbers = 1;
    for (int a = 0; a < r->axes.count; a++)
        numbers *= r->rank + PLACE_DIM;
    uint16_t *index = sc_arena_calloc(arena, (size_t)numbers, sizeof *index);
    struct sc_state *states = sc_arena_calloc(arena, (size_t)numbers, sizeof *states);
    double *shard = sc_arena_calloc(arena, (size_t)numbers, sizeof *shard);
    if (!index || !states || !shard)
        return false;
    for (int n = 0; n < numbers; n++) {
        struct sc_state *state = &states[r->count];
        index[n] = NO_STATE;
        if (!state_of(r, n, state) || !sc_spec_allowed(state->spec, &r->axes, r->rank, size, uneven))
            continue;
        shard[r->count] = sc_spec_bytes(state->spec, &r->axes, r->rank, size, item_bytes, uneven);
        index[n] = (uint16_t)r->count++;
    }
    r->index = index;
    r->states = states;
    r->shard = shard;
    return true;
}

enum sc_status sc_reshard_new(struct sc_arena *arena, const struct sc_axes *axes, int rank, const int64_t *size,
                              double item_bytes, enum sc_uneven uneven, sc_move_price price, const void *user,
                              struct sc_reshard **out, struct sc_error *err)
{
    struct sc_reshard *r = sc_arena_alloc(arena, sizeof *r);
    struct market *market = sc_alloc(sizeof *market);
    enum sc_status status = SC_OK;
    if (r && market) {
        *market = (struct market){.price = price, .user = user};
        r->axes = *axes;
        r->rank = rank;
    }
    if (!r || !market || !find_states(r, arena, size, item_bytes, uneven) || !find_paths(r, arena, market))
        status = sc_fail(err, SC_NO_MEMORY, "%s", sc_status_message(SC_NO_MEMORY));
    sc_free(market);
    *out = status == SC_OK ? r : NULL;
    return status;
}

double sc_reshard_seconds(const struct sc_reshard *reshard, struct sc_state from, struct sc_state to)
{
    int i = index_of(reshard, from), j = index_of(reshard, to);
    return i == NO_STATE || j == NO_STATE ? INFINITY : reshard->seconds[(size_t)i * (size_t)reshard->count + (size_t)j];
}

/* The move between two neighbours. */
static struct sc_move move_between(const struct sc_reshard *r, int from, int to)
{
    struct moves moves;
    moves_of(r, from, &moves);
    for (int i = 0; i < moves.count; i++) {
        if (moves.to[i] == to)
            return moves.at[i];
    }
    SC_BUG("no move between neighbouring states");
}

int sc_reshard_path(const struct sc_reshard *reshard, struct sc_state from, struct sc_state to, struct sc_move *out,
                    int max)
{
    int i = index_of(reshard, from), j = index_of(reshard, to), count = 0;
    if (i == NO_STATE || j == NO_STATE)
        return -1;
    const uint16_t *via = reshard->via + (size_t)i * (size_t)reshard->count;
    for (int s = j; s != i; s = via[s], count++) {
        if (via[s] == NO_STATE)
            return -1;
    }
    int step = count;
    for (int s = j; s != i; s = via[s]) {
        if (--step < max)
            out[step] = move_between(reshard, via[s], s);
    }
    return count;
}
