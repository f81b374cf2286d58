/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * hierarchy: the two levels together. Which layers make a stage, on which submesh, in which logical mesh, and every
 * op's strategy inside (Alpa, OSDI 2022), solved as one problem, exactly, without solving every possible stage:
 *
 * Sweeps (pipeline/ranges.c) bound every run of layers on every mesh from below. The stage problem over these bounds
 * gives stages whose objective no plan can beat. Those of its stages whose bound is not known to be exact are solved as
 * problems of their own, which corrects the bounds (for all equal runs), and the stage problem is solved again; when
 * all stages of its answer are exact, the answer is optimal. Where memory binds, prices on it lift the bounds of all
 * other runs on the same mesh too.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plan/planner.h"

enum { MOST_SWEEPS = 32, MOST_ROUNDS = 2000, MOST_SUBMESHES = 160, MANY_HOSTS = 32, MOST_VIEWS = 64 };
/* Units that proving one stage may take: at first, and when only proof is left to do. */
static const uint64_t first_work = 200000, most_work = 1600000;
static const double near_enough = 0.0002; /* gap of a stage at first; to proof only when that decides */

struct sweep {
    double price;
    int in_flight;
};

/* The most that sweeps of up to so many in flight say. */
struct ceiling {
    int in_flight;
    double *value; /* layers × layers */
};

/* Runs of layers on a view, with or without pins, and sweeps over them. */
struct reach {
    struct sc_ranges *ranges; /* NULL: not made yet */
    int *id;                  /* layers × layers: of all runs on this view with the same content */
    int sweep_count, ceiling_count;
    struct sweep sweeps[MOST_SWEEPS];
    struct ceiling ceilings[MOST_SWEEPS]; /* in_flight increases */
    double *base;                         /* layers × layers: of the first sweep, without a price */
    unsigned char *best;                  /* layers × layers: the sweep that says most */
    uint32_t served;                      /* with pins: sweeps of the reach without pins that were made here too */
};

/* A submesh seen as one logical mesh, with or without rematerialisation. */
struct view {
    uint64_t key, used;
    int hosts, devices;
    struct cached_tables tables; /* costs that can be cut, and their problem */
    struct reach free;           /* without pins: pins only raise costs, so its bounds hold with them too */
    uint64_t pins_key;           /* of what follows; 0: not made */
    struct sc_arena *arena;
    struct plan_pins pins;
    struct sc_problem *pinned;
    struct reach pinned_reach;
    struct border *borders; /* layers × layers; of the first view of a submesh, NULL for others */
};

/* What a run pays for tensors that pass its ends, in objective seconds: [1] when the neighbour is on another host. */
struct border {
    double in_s[2], out_s[2];
};

/* What is known of a run on a view: bounds on its objective for in_flight from … to. */
struct known {
    int from, to;
    double lower, upper; /* equal: exact; +inf: no plan, or with a finite lower none that was of interest */
    uint64_t work;       /* units that were allowed for it */
    bool closely;        /* asked to proof */
    int *choices;        /* of the plan that costs `upper`, a node of the stage's costs; NULL without one */
};

struct hierarchy {
    uint64_t clock;
    double longest; /* stage of the last stages that were found: those of the next are near */
    SC_VEC(struct view *) views;
    SC_VEC(struct known) known;
    struct sc_map ids;  /* (view, run) to a number of its own */
    SC_VEC(int) last;   /* of such a number: the last entry of `known`, -1 */
    SC_VEC(int) before; /* of each entry: the one before it of the same number, -1 */
};

/* One request. */
struct search {
    struct sc_planner *planner;
    struct hierarchy *h;
    const struct sc_plan_request *request;
    const struct sc_settings *settings;
    struct sc_cancel *cancel;
    struct sc_error *err;
    int layers, microbatches, devices, host_devices, hosts;
    int chunks;                 /* of a stage; what is in flight counts in them */
    int stages_min, stages_max; /* interleaved, in_flight depends on their number: one at a time */
    struct submesh {
        int hosts, devices, view_count;
        struct view *view[PLAN_MAX_SHAPES * 2];
    } submesh[MOST_SUBMESHES];
    int submesh_count;
    bool *cut, *no_cut; /* a layer: a stage has to begin there, must not */
    struct stage_pin {
        int stage, hosts, devices;
        struct sc_axes axes; /* count 0: any */
    } * stage_pins;
    int stage_pin_count;
    uint64_t pins_key; /* 0: no pins */
    SC_VEC(struct sc_stage_option) options;
    struct sc_stage_problem problem;
    uint64_t work;         /* units allowed for a stage now */
    double longest_wanted; /* stages that take longer are in no plan of interest */
    double pace;           /* bounds only rise from round to round, and so does the longest stage of every plan */
};

static void reach_free(struct reach *r)
{
    for (int i = 0; i < r->ceiling_count; i++)
        sc_free(r->ceilings[i].value);
    sc_free(r->base);
    sc_free(r->best);
    sc_free(r->id);
    sc_ranges_free(r->ranges);
    *r = (struct reach){0};
}

static void unpin_view(struct view *v)
{
    reach_free(&v->pinned_reach);
    sc_problem_free(v->pinned);
    sc_arena_free(v->arena);
    v->pinned = NULL;
    v->arena = NULL;
    v->pins_key = 0;
}

static void view_free(struct view *v)
{
    if (!v)
        return;
    unpin_view(v);
    reach_free(&v->free);
    sc_free(v->borders);
    sc_problem_free(v->tables.problem);
    sc_costs_free(v->tables.costs);
    sc_free(v);
}

void hierarchy_free(struct hierarchy *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->views.count; i++)
        view_free(h->views.data[i]);
    for (size_t i = 0; i < h->known.count; i++)
        sc_free(h->known.data[i].choices);
    sc_vec_free(&h->views);
    sc_vec_free(&h->known);
    sc_vec_free(&h->before);
    sc_vec_free(&h->last);
    sc_map_free(&h->ids);
    sc_free(h);
}

static enum sc_status no_memory(struct sc_error *err)
{
    return sc_fail(err, SC_NO_MEMORY, "no memory for planning stages");
}

/* ---- views ------------------------------------------------------------------------------------------ */

/* The ceiling for so many in flight, made from that below it; NULL: out of memory. */
static struct ceiling *ceiling_at(const struct search *s, struct reach *r, int in_flight)
{
    size_t runs = (size_t)s->layers * (size_t)s->layers;
    int at = 0;
    while (at < r->ceiling_count && r->ceilings[at].in_flight < in_flight)
        at++;
    if (at < r->ceiling_count && r->ceilings[at].in_flight == in_flight)
        return &r->ceilings[at];
    double *value = sc_calloc(runs, sizeof *value);
    if (!value)
        return NULL;
    for (size_t i = 0; i < runs; i++)
        value[i] = at > 0 ? r->ceilings[at - 1].value[i] : -INFINITY;
    memmove(r->ceilings + at + 1, r->ceilings + at, (size_t)(r->ceiling_count - at) * sizeof *r->ceilings);
    r->ceilings[at] = (struct ceiling){in_flight, value};
    r->ceiling_count++;
    return &r->ceilings[at];
}

/* Sweep once more, if there is room; *found: what it says of run `at`. */
static enum sc_status add_sweep(struct search *s, struct reach *r, double price, int in_flight, int at, double *found)
{
    size_t runs = (size_t)s->layers * (size_t)s->layers;
    *found = -INFINITY;
    if (r->sweep_count == MOST_SWEEPS)
        return SC_OK;
    double *value = sc_calloc(runs, sizeof *value);
    struct ceiling *own = ceiling_at(s, r, in_flight);
    if (!value || !own) {
        sc_free(value);
        return no_memory(s->err);
    }
    enum sc_status status = sc_ranges_sweep(r->ranges, price, in_flight, value, s->err);
    int number = r->sweep_count++;
    const struct ceiling *top = &r->ceilings[r->ceiling_count - 1];
    r->sweeps[number] = (struct sweep){price, in_flight};
    for (size_t i = 0; status == SC_OK && i < runs; i++) {
        if (value[i] > top->value[i])
            r->best[i] = (unsigned char)number;
        for (struct ceiling *c = own; c <= top; c++)
            c->value[i] = fmax(c->value[i], value[i]);
    }
    *found = value[at];
    if (!r->base)
        r->base = value;
    else
        sc_free(value);
    return status;
}

static uint64_t pins_key(const struct search *s)
{
    uint64_t key = s->settings->method && *s->settings->method ? sc_hash_text(4, s->settings->method) : 3;
    for (int i = 0; i < s->settings->pins.count; i++)
        key = sc_hash_text(key, s->settings->pins.at[i]);
    for (int i = 0; s->request->fixed && i < s->request->fixed->count; i++)
        key = sc_hash_text(key + 1, s->request->fixed->at[i]);
    return key == 3 ? 0 : key | 1;
}

/* Runs with the same content have one number, with pins or without. */
static bool number_runs(struct search *s, uint64_t view, struct reach *r)
{
    r->id = sc_calloc((size_t)s->layers * (size_t)s->layers, sizeof *r->id);
    for (int first = 0; r->id && first < s->layers; first++)
        for (int last = first; last < s->layers; last++) {
            uint64_t key[2] = {view, sc_ranges_key(r->ranges, first, last)};
            int64_t id;
            if (!sc_map_get(&s->h->ids, key, sizeof key, &id)) {
                id = (int64_t)s->h->last.count;
                if (!sc_vec_push(&s->h->last, -1) || !sc_map_put(&s->h->ids, key, sizeof key, id))
                    return false;
            }
            r->id[first * s->layers + last] = (int)id;
        }
    return r->id != NULL;
}

/* Ranges and first sweeps. */
static enum sc_status make_reach(struct search *s, const struct view *v, uint64_t key, const struct sc_problem *problem,
                                 struct reach *r)
{
    const struct sc_costs *costs = v->tables.costs;
    enum sc_status status = sc_ranges_new(costs, problem, s->cancel, &r->ranges, s->err);
    if (status != SC_OK)
        return status;
    r->best = sc_calloc((size_t)s->layers * (size_t)s->layers, sizeof *r->best);
    if (!r->best || !number_runs(s, key, r))
        return no_memory(s->err);
    double whole;
    status = add_sweep(s, r, 0, 1, s->layers - 1, &whole);
    /* A price at which a tenth of the memory outweighs everything: runs that cannot fit are soon out. */
    if (status == SC_OK && isfinite(whole) && whole > 0)
        status = add_sweep(s, r, 10 * whole / costs->memory_bytes, 1, 0, &whole);
    return status;
}

/* Pins on a view, when it comes to be looked at closely. */
static enum sc_status pin_view(struct search *s, struct view *v)
{
    if (v->pins_key == s->pins_key)
        return SC_OK;
    unpin_view(v);
    v->arena = sc_arena_new();
    if (!v->arena)
        return no_memory(s->err);
    const struct sc_costs *costs = v->tables.costs;
    enum sc_status status = plan_pins_bind(v->arena, costs, s->request->fixed, s->settings, &v->pins, s->err);
    if (status == SC_OK)
        status =
            plan_pins_apply(v->tables.problem, costs, &v->pins, NULL, v->tables.problem->limit, &v->pinned, s->err);
    if (status == SC_OK)
        status = make_reach(s, v, v->key, v->pinned, &v->pinned_reach);
    if (status == SC_OK)
        v->pins_key = s->pins_key;
    return status;
}

/* The price that says most of a run without its pins is good with them too. */
static enum sc_status serve(struct search *s, struct view *v, int first, int last, bool *more)
{
    int at = first * s->layers + last, number = v->free.best[at];
    double found;
    *more = false;
    if (!s->pins_key || number < 2 || (v->pinned_reach.served >> number & 1) ||
        v->free.id[at] == v->pinned_reach.id[at])
        return SC_OK;
    v->pinned_reach.served |= UINT32_C(1) << number;
    *more = true;
    return add_sweep(s, &v->pinned_reach, v->free.sweeps[number].price, v->free.sweeps[number].in_flight, at, &found);
}

/* What is known of a view with the pins there are now; NULL when pins are still to be put on it. */
static struct reach *reach_of(const struct search *s, struct view *v)
{
    if (!s->pins_key)
        return &v->free;
    return v->pins_key == s->pins_key ? &v->pinned_reach : NULL;
}

static enum sc_status make_view(struct search *s, int hosts, int devices, const struct sc_axes *axes,
                                enum sc_remat remat, struct view **out)
{
    struct sc_mesh mesh;
    struct sc_planner *planner = s->planner;
    struct sc_cost_options options = planner_cost_options(s->settings, planner->graph, remat);
    options.cuttable = true;
    enum sc_status status = sc_mesh_make(planner->cluster, hosts, devices, axes, planner->formulas, &mesh, s->err);
    if (status != SC_OK)
        return status;
    uint64_t key = planner_tables_key(planner, &mesh, &options);
    struct view *v = NULL;
    for (size_t i = 0; i < s->h->views.count && !v; i++)
        if (s->h->views.data[i]->key == key)
            v = s->h->views.data[i];
    if (!v) {
        v = sc_alloc(sizeof *v);
        if (!v || !sc_vec_push(&s->h->views, v)) {
            sc_free(v);
            return no_memory(s->err);
        }
        v->hosts = hosts;
        v->devices = devices;
        status = sc_costs_new(planner->graph, &mesh, &options, s->cancel, &v->tables.costs, s->err);
        if (status == SC_OK)
            status = sc_plan_problem(v->tables.costs, &v->tables.problem, s->err);
        if (status != SC_OK)
            return status; /* without a key it is never found, and made room for */
        status = make_reach(s, v, key, v->tables.problem, &v->free);
        if (status != SC_OK)
            return status;
        v->key = key;
    }
    v->used = s->h->clock;
    *out = v;
    return SC_OK;
}

/* Views that this request did not use go when there are many. */
static void drop_views(struct search *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->h->views.count; i++) {
        struct view *v = s->h->views.data[i];
        if (v->key && (v->used == s->h->clock || s->h->views.count <= MOST_VIEWS))
            s->h->views.data[kept++] = v;
        else
            view_free(v);
    }
    s->h->views.count = kept;
}

static enum sc_status make_submesh(struct search *s, int hosts, int devices)
{
    struct sc_axes shapes[PLAN_MAX_SHAPES];
    bool remats = s->settings->remat == SC_REMAT_AUTO && s->settings->mode == SC_TRAIN;
    int count = sc_mesh_shapes(hosts * devices, (int)s->settings->max_axes, shapes, PLAN_MAX_SHAPES);
    struct submesh *m = &s->submesh[s->submesh_count];
    enum sc_status status = SC_OK;
    if (s->submesh_count == MOST_SUBMESHES)
        return sc_fail(s->err, SC_LIMIT, "%d devices have more than %d submeshes; --submeshes powers takes fewer",
                       s->devices, MOST_SUBMESHES);
    if (count > PLAN_MAX_SHAPES)
        return sc_fail(s->err, SC_LIMIT, "%d devices have %d logical meshes, more than %d", hosts * devices, count,
                       PLAN_MAX_SHAPES);
    *m = (struct submesh){.hosts = hosts, .devices = devices};
    for (int i = 0; i < count && status == SC_OK; i++) {
        for (int r = 0; r <= remats && status == SC_OK; r++) {
            enum sc_remat remat = remats ? (r ? SC_REMAT_LAYER : SC_REMAT_NONE) : s->settings->remat;
            if (remat == SC_REMAT_AUTO)
                remat = SC_REMAT_NONE;
            status = make_view(s, hosts, devices, &shapes[i], remat, &m->view[m->view_count]);
            m->view_count += status == SC_OK;
        }
    }
    s->submesh_count++;
    return status;
}

static enum sc_status add_submesh(struct search *s, int hosts, int devices)
{
    for (int m = 0; m < s->submesh_count; m++)
        if (s->submesh[m].hosts == hosts && s->submesh[m].devices == devices)
            return SC_OK;
    return make_submesh(s, hosts, devices);
}

/* Parts of a host, or whole hosts: a stage takes nothing else. */
static bool can_be_submesh(const struct search *s, int hosts, int devices)
{
    return hosts <= s->hosts && (devices == s->host_devices || (hosts == 1 && devices < s->host_devices));
}

/* "1x2,1x4" */
static enum sc_status listed_submeshes(struct search *s, const char *text)
{
    enum sc_status status = SC_OK;
    int hosts, devices, used;
    for (; status == SC_OK && sscanf(text, "%dx%d%n", &hosts, &devices, &used) == 2;
         text += text[used] ? used + 1 : used) {
        if (!can_be_submesh(s, hosts, devices))
            return sc_fail(s->err, SC_USAGE,
                           "--submeshes %dx%d: a stage has up to %d devices of one host, or 1 to %d whole hosts of %d",
                           hosts, devices, s->host_devices, s->hosts, s->host_devices);
        status = add_submesh(s, hosts, devices);
    }
    return status;
}

/* Alpa's set, if nothing else is asked for: parts of a host of 1, 2, 4 ... devices, and whole hosts; of very many hosts
 * powers of two, as Alpa's program takes of any. And those that pins name. */
static enum sc_status make_submeshes(struct search *s)
{
    const char *kind = s->settings->submeshes ? s->settings->submeshes : "";
    bool all = strcmp(kind, "all") == 0, alpa = strcmp(kind, "alpa") == 0;
    bool powers = strcmp(kind, "powers") == 0 || (!*kind && s->hosts > MANY_HOSTS);
    bool listed = *kind && !all && !alpa && !powers;
    enum sc_status status = listed ? listed_submeshes(s, kind) : SC_OK;
    for (int n = 1; !listed && n < s->host_devices && n < s->devices && status == SC_OK; n = all ? n + 1 : n * 2)
        status = make_submesh(s, 1, n);
    for (int k = 1; !listed && k <= s->hosts && status == SC_OK; k = powers ? k * 2 : k + 1)
        status = make_submesh(s, k, s->host_devices);
    for (int i = 0; i < s->stage_pin_count && status == SC_OK; i++)
        status = add_submesh(s, s->stage_pins[i].hosts, s->stage_pins[i].devices);
    return status;
}

/* Chunks of all microbatches. */
static int most_flying(const struct search *s)
{
    return s->microbatches * s->chunks;
}

/* ---- what is known of runs -------------------------------------------------------------------------- */

static int last_known(const struct search *s, const struct reach *r, int first, int last)
{
    return s->h->last.data[r->id[first * s->layers + last]];
}

static struct known *find_known(const struct search *s, struct view *v, int first, int last, int in_flight)
{
    const struct reach *r = reach_of(s, v);
    if (!r)
        return NULL;
    for (int i = last_known(s, r, first, last); i >= 0; i = s->h->before.data[i]) {
        struct known *k = &s->h->known.data[i];
        if (k->from <= in_flight && in_flight <= k->to)
            return k;
    }
    return NULL;
}

static bool add_known(struct search *s, int id, struct known k)
{
    if (!sc_vec_push(&s->h->before, s->h->last.data[id]))
        return false;
    if (!sc_vec_push(&s->h->known, k)) {
        s->h->before.count--;
        return false;
    }
    s->h->last.data[id] = (int)s->h->known.count - 1;
    return true;
}

static double lower_in(const struct search *s, const struct reach *r, int first, int last, int in_flight)
{
    double most = -INFINITY;
    int at = first * s->layers + last;
    for (int i = r->ceiling_count - 1; i >= 0 && most == -INFINITY; i--)
        if (r->ceilings[i].in_flight <= in_flight)
            most = r->ceilings[i].value[at];
    for (int i = last_known(s, r, first, last); i >= 0; i = s->h->before.data[i]) {
        const struct known *k = &s->h->known.data[i];
        if (k->from <= in_flight)
            most = fmax(most, k->lower);
    }
    return most;
}

/* No plan of the run on this view costs less, with so many in flight. */
static double lower(const struct search *s, struct view *v, int first, int last, int in_flight)
{
    double most = lower_in(s, &v->free, first, last, in_flight);
    const struct reach *r = reach_of(s, v);
    return r && r != &v->free ? fmax(most, lower_in(s, r, first, last, in_flight)) : most;
}

/* Bytes within which a microbatch more in flight still fits, or all that there are. */
static int most_in_flight(double peak, double each, double limit, int in_flight, int most)
{
    if (each <= 0)
        return most;
    double more = floor((limit - peak) / each);
    return more > most - in_flight ? most : in_flight + (int)more;
}

/* How near to proof, what is of interest (0: all), and choices to start from (NULL: none). */
struct aim {
    double gap, most;
    const int *warm;
};

/* Solve a run as a stage. With a gap of +inf the warm choices are the plan, and nothing is searched. */
static enum sc_status solve_run(struct search *s, const struct view *v, int first, int last, int in_flight,
                                const struct aim *aim, struct attempt *out, struct cached_tables *tables)
{
    *out = (struct attempt){.arena = sc_arena_new(), .tables = tables};
    *tables = (struct cached_tables){0};
    if (!out->arena)
        return no_memory(s->err);
    struct sc_cancel part;
    sc_cancel_part(&part, s->cancel, s->work);
    enum sc_status status = sc_costs_cut(v->tables.costs, first, last, in_flight, &tables->costs, s->err);
    if (status == SC_OK)
        status = sc_plan_problem(tables->costs, &tables->problem, s->err);
    if (status == SC_OK)
        status = plan_pins_bind(out->arena, tables->costs, s->request->fixed, s->settings, &out->pins, s->err);
    if (status == SC_OK)
        status = plan_pins_apply(tables->problem, tables->costs, &out->pins, NULL, tables->problem->limit,
                                 &out->problem, s->err);
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    options.solver = isinf(aim->gap) ? SC_SOLVER_EXACT : s->settings->solver;
    options.gap = aim->gap;
    options.most = aim->most;
    options.warm = aim->warm;
    options.cancel = &part;
    if (status == SC_OK)
        status = sc_solve(out->problem, &options, &out->solution, s->err);
    return status;
}

static void free_run(struct attempt *attempt, struct cached_tables *tables)
{
    attempt_free(attempt);
    sc_problem_free(tables->problem);
    sc_costs_free(tables->costs);
}

/* Prices that lift the bound of this run lift those of others: look for the best. */
static enum sc_status sharpen(struct search *s, struct view *v, int first, int last, int in_flight)
{
    struct reach *r = reach_of(s, v);
    int at = first * s->layers + last;
    double base = r->base[at], best = lower(s, v, first, last, in_flight);
    double price = base / v->tables.costs->memory_bytes / 16, factor = 4;
    enum sc_status status = SC_OK;
    double found = base;
    for (int i = 0; i < 6 && status == SC_OK && r->sweep_count < MOST_SWEEPS && found < best; i++) {
        double value;
        status = add_sweep(s, r, price, in_flight, at, &value);
        if (status == SC_OK && value <= found) { /* beyond the best price: turn, in smaller steps */
            factor = factor > 1 ? 1 / sqrt(factor) : 1 / (factor * sqrt(factor));
            if (fabs(log(factor)) < 0.3)
                break;
        } else {
            found = value;
        }
        price *= factor;
    }
    return status;
}

/* Choices known of the run that fit with so many in flight, the cheapest. */
static const int *warm_choices(const struct search *s, const struct reach *r, int first, int last, int in_flight)
{
    const struct known *best = NULL;
    for (int i = last_known(s, r, first, last); i >= 0; i = s->h->before.data[i]) {
        const struct known *k = &s->h->known.data[i];
        if (k->choices && k->to >= in_flight && (!best || k->upper < best->upper))
            best = k;
    }
    return best ? best->choices : NULL;
}

/* `most`: plans that cost more are of no interest; +inf: all are. */
static enum sc_status learn(struct search *s, struct view *v, int first, int last, int in_flight, bool closely,
                            double most)
{
    struct attempt attempt;
    struct cached_tables tables;
    struct aim aim = {.gap = fmax(s->settings->gap, closely ? 0 : near_enough),
                      .most = isfinite(most) ? most * (1 + 1e-9) : 0,
                      .warm = warm_choices(s, reach_of(s, v), first, last, in_flight)};
    enum sc_status status = solve_run(s, v, first, last, in_flight, &aim, &attempt, &tables);
    const struct sc_solution *solution = attempt.solution;
    const struct reach *r = reach_of(s, v);
    int at = first * s->layers + last;
    double base = r->base[at];
    if (status == SC_OK && sc_cancelled(s->cancel) && !solution->choices)
        status = SC_CANCELLED;
    if (status == SC_OK) {
        struct known k = {.from = in_flight, .to = in_flight};
        k.lower = fmax(solution->bound, lower(s, v, first, last, in_flight));
        k.upper = solution->cost;
        k.work = s->work;
        k.closely = closely || solution->gap > aim.gap; /* or the work was not enough */
        if (solution->status == SC_SOLVED_INFEASIBLE) {
            k.lower = k.upper = INFINITY;
            k.to = most_flying(s);
        } else if (solution->status == SC_SOLVED_OPTIMAL) {
            k.lower = k.upper;
            double peak = sc_problem_check(attempt.problem, solution->choices).peak, each = 0;
            for (int n = 0; n < tables.costs->node_count; n++)
                each += sc_costs_node_memory(tables.costs, n, solution->choices[n]).activations / in_flight;
            if (in_flight > 1 || s->settings->remat != SC_REMAT_LAYER)
                k.to = most_in_flight(peak, each, tables.problem->limit, in_flight, most_flying(s));
            k.from = k.upper == base ? 1 : in_flight;
        }
        size_t size = (size_t)tables.costs->node_count * sizeof *k.choices;
        if (solution->choices && (k.choices = sc_alloc(size)))
            memcpy(k.choices, solution->choices, size);
        if (!add_known(s, r->id[at], k)) {
            sc_free(k.choices);
            status = no_memory(s->err);
        }
        bool priced = r != &v->free && (r->served || r->id[at] == v->free.id[at]); /* as good as it gets, or of all */
        if (status == SC_OK && k.upper > base && !priced && r->sweep_count < MOST_SWEEPS)
            status = sharpen(s, v, first, last, in_flight);
    }
    free_run(&attempt, &tables);
    return status;
}

/* ---- the stage problem over bounds ------------------------------------------------------------------ */

/* As sc_schedule_in_flight, in chunks. */
static int in_flight_of(const struct search *s, int successors)
{
    int most = most_flying(s), count = successors + 1;
    if (s->settings->mode != SC_TRAIN)
        return 1;
    if (s->settings->schedule == SC_SCHEDULE_GPIPE)
        return most;
    if (s->chunks > 1)
        count = 2 * successors + (s->chunks - 1) * s->stages_max + 1;
    return count < most ? count : most;
}

/* The most successors with which less than so much is in flight. */
static int successors_below(const struct search *s, int in_flight)
{
    int least = 0, beyond = s->layers + 1;
    while (least + 1 < beyond) {
        int middle = least + (beyond - least) / 2;
        if (in_flight_of(s, middle) < in_flight)
            least = middle;
        else
            beyond = middle;
    }
    return least;
}

/* Is it of the logical mesh that is asked for? */
static bool is_wanted(const struct view *v, const struct sc_axes *axes)
{
    const struct sc_axes *own = &v->tables.costs->mesh.axes;
    bool wanted = !axes || !axes->count || axes->count == own->count;
    for (int a = 0; wanted && axes && a < axes->count; a++)
        wanted = axes->size[a] == own->size[a];
    return wanted;
}

/* The view that bounds a run least. */
static struct view *best_view(const struct search *s, int submesh, int first, int last, int in_flight,
                              const struct sc_axes *axes, double *value)
{
    const struct submesh *m = &s->submesh[submesh];
    struct view *best = NULL;
    *value = INFINITY;
    for (int i = 0; i < m->view_count; i++) {
        double found = is_wanted(m->view[i], axes) ? lower(s, m->view[i], first, last, in_flight) : INFINITY;
        if (found < *value) {
            *value = found;
            best = m->view[i];
        }
    }
    return best;
}

static int next_break_in(const struct search *s, const struct reach *r, int first, int last, int after, int next)
{
    for (int k = 0; k < r->ceiling_count; k++)
        if (r->ceilings[k].in_flight > after && r->ceilings[k].in_flight < next)
            next = r->ceilings[k].in_flight;
    for (int k = last_known(s, r, first, last); k >= 0; k = s->h->before.data[k])
        if (s->h->known.data[k].from > after && s->h->known.data[k].from < next)
            next = s->h->known.data[k].from;
    return next;
}

static int next_break(const struct search *s, int submesh, int first, int last, int after)
{
    const struct submesh *m = &s->submesh[submesh];
    int next = most_flying(s) + 1;
    for (int i = 0; i < m->view_count; i++) {
        struct view *v = m->view[i];
        const struct reach *r = reach_of(s, v);
        next = next_break_in(s, &v->free, first, last, after, next);
        if (r && r != &v->free)
            next = next_break_in(s, r, first, last, after, next);
    }
    return next;
}

static const struct stage_pin *pin_of(const struct search *s, int stage)
{
    for (int i = 0; i < s->stage_pin_count; i++)
        if (s->stage_pins[i].stage == stage)
            return &s->stage_pins[i];
    return NULL;
}

/* A stage that takes longer than its share of the best plan is in no better one. */
static bool is_hopeless(const struct search *s, const struct sc_stage_option *o)
{
    return o->seconds > s->longest_wanted;
}

/* Options of a run on a submesh: one for each bound, with the successors for which it holds. */
static bool add_options(struct search *s, int submesh, int first, int last, struct sc_stage_option border)
{
    int stages = s->stage_pin_count ? s->stages_max : 0; /* fixed: successors tell the stage */
    int from = in_flight_of(s, 0), most = in_flight_of(s, s->layers), next;
    const struct submesh *m = &s->submesh[submesh];
    for (; from <= most; from = next) {
        next = next_break(s, submesh, first, last, from);
        struct sc_stage_option o = border;
        o.min_successors = 0;
        o.max_successors = successors_below(s, next);
        if (!stages) {
            if (best_view(s, submesh, first, last, from, NULL, &o.seconds) && !is_hopeless(s, &o) &&
                !sc_vec_push(&s->options, o))
                return false;
        }
        for (int stage = 0; stage < stages; stage++) {
            int behind = stages - 1 - stage;
            const struct stage_pin *pin = pin_of(s, stage);
            if (behind > o.max_successors || in_flight_of(s, behind) < from ||
                (pin && (pin->hosts != m->hosts || pin->devices != m->devices)))
                continue;
            struct sc_stage_option one = o;
            one.min_successors = one.max_successors = behind;
            if (best_view(s, submesh, first, last, from, pin ? &pin->axes : NULL, &one.seconds) &&
                !sc_vec_push(&s->options, one))
                return false;
        }
    }
    return true;
}

static bool may_be_stage(const struct search *s, int first, int last)
{
    if (last - first + 1 < s->chunks && s->stages_max > 1)
        return false;
    if (first > 0 && s->no_cut[first])
        return false;
    for (int l = first + 1; l <= last; l++)
        if (s->cut[l])
            return false;
    return true;
}

/* How often a microbatch passes an end of a stage. With several chunks it comes by for each; behind the last stage is
 * the first again, where a tensor takes as long as at the other end of these. */
static int transfers_a_microbatch(const struct search *s, int first, int last)
{
    bool end = first == 0 || last == s->layers - 1;
    return end ? 2 * s->chunks - 1 : s->chunks;
}

static enum sc_status make_borders(struct search *s, struct view *v)
{
    if (v->borders)
        return SC_OK;
    v->borders = sc_calloc((size_t)s->layers * (size_t)s->layers, sizeof *v->borders);
    if (!v->borders)
        return no_memory(s->err);
    for (int first = 0; first < s->layers; first++)
        for (int last = first; last < s->layers; last++)
            for (int hosts = 0; hosts < 2; hosts++) {
                struct sc_transfer t = sc_costs_transfer(v->tables.costs, first, last, hosts, hosts);
                struct border *b = &v->borders[first * s->layers + last];
                int times = s->microbatches * transfers_a_microbatch(s, first, last);
                b->in_s[hosts] = (t.in_forward_s + t.in_backward_s) * times;
                b->out_s[hosts] = (t.out_forward_s + t.out_backward_s) * times;
            }
    return SC_OK;
}

static enum sc_status make_options(struct search *s)
{
    s->options.count = 0;
    bool ok = true;
    for (int m = 0; ok && m < s->submesh_count; m++) {
        struct view *v = s->submesh[m].view[0];
        enum sc_status status = make_borders(s, v);
        if (status != SC_OK)
            return status;
        for (int first = 0; ok && first < s->layers; first++) {
            if (sc_cancelled(s->cancel))
                return SC_CANCELLED;
            for (int last = first; ok && last < s->layers; last++) {
                double ignored;
                if (!may_be_stage(s, first, last) || !best_view(s, m, first, last, 1, NULL, &ignored))
                    continue;
                struct sc_stage_option border = {.first = first, .last = last, .submesh = m};
                memcpy(border.in_s, v->borders[first * s->layers + last].in_s, sizeof border.in_s);
                memcpy(border.out_s, v->borders[first * s->layers + last].out_s, sizeof border.out_s);
                ok = add_options(s, m, first, last, border);
            }
        }
    }
    return ok ? SC_OK : no_memory(s->err);
}

static enum sc_status solve_stages(struct search *s, double most, struct sc_stage_solution *out)
{
    int submeshes[MOST_SUBMESHES];
    bool pipeline = s->settings->objective == SC_OBJECTIVE_PIPELINE;
    /* Sum / v + (B - 1 / v) longest is (sum + (B v - 1) longest) / v. */
    int microbatches = pipeline ? most_flying(s) : s->microbatches;
    most *= pipeline ? s->chunks : 1;
    s->longest_wanted = pipeline ? most / microbatches * (1 + 1e-9) : INFINITY;
    enum sc_status status = make_options(s);
    if (status != SC_OK)
        return status;
    for (int m = 0; m < s->submesh_count; m++)
        submeshes[m] = s->submesh[m].hosts * s->submesh[m].devices;
    s->problem = (struct sc_stage_problem){.name = "stages",
                                           .layers = s->layers,
                                           .devices = s->devices,
                                           .submesh_count = s->submesh_count,
                                           .microbatches = microbatches,
                                           .host_devices = s->host_devices,
                                           .submeshes = submeshes,
                                           .objective = s->settings->objective,
                                           .option_count = (int)s->options.count,
                                           .options = s->options.data};
    s->problem.stages_min = s->stages_min;
    s->problem.stages_max = s->stages_max;
    s->problem.most = isfinite(most) ? most : 0;
    s->problem.pace = s->pace;
    s->problem.hint = s->h->longest;
    status = sc_stage_solve(&s->problem, s->cancel, out, s->err);
    if (status == SC_OK) {
        s->pace = fmax(s->pace, out->pace);
        s->h->longest = out->longest_s;
        out->bound_s /= pipeline ? s->chunks : 1;
    }
    s->problem.submeshes = NULL; /* borrowed of this call */
    return status;
}

/* ---- rounds ----------------------------------------------------------------------------------------- */

struct chosen {
    int first, last, submesh, in_flight;
    struct view *view;
    double lower, upper;
};

struct answer {
    int count;
    struct chosen *stages; /* layers of them */
    double objective;      /* of the plan, in objective seconds × microbatches; without one, plans have to cost less */
};

static void answer_free(struct answer *answer)
{
    sc_free(answer->stages);
    *answer = (struct answer){.objective = INFINITY};
}

static double price_answer(const struct search *s, const struct chosen *stages, int count, bool upper)
{
    double sum = 0, longest = 0;
    int at = 0;
    for (int i = 0; i < count; i++) {
        const struct chosen *c = &stages[i];
        const struct submesh *m = &s->submesh[c->submesh];
        if (!c->view)
            return INFINITY;
        int end = at + m->hosts * m->devices;
        const struct border *b = &m->view[0]->borders[c->first * s->layers + c->last];
        double seconds =
            (upper ? c->upper : c->lower) + b->in_s[at % s->host_devices == 0] + b->out_s[end % s->host_devices == 0];
        sum += seconds;
        longest = fmax(longest, seconds);
        at = end;
    }
    switch (s->settings->objective) {
    case SC_OBJECTIVE_SUM:
        return sum;
    case SC_OBJECTIVE_THROUGHPUT:
        return longest;
    default:
        return (sum + (most_flying(s) - 1) * longest) / s->chunks;
    }
}

/* The cheapest plan of the run that is known on other views of the submesh. */
static double least_of_others(const struct search *s, int submesh, const struct chosen *c, const struct sc_axes *axes)
{
    const struct submesh *m = &s->submesh[submesh];
    double least = INFINITY;
    for (int i = 0; i < m->view_count; i++) {
        const struct known *k = m->view[i] != c->view && is_wanted(m->view[i], axes)
                                    ? find_known(s, m->view[i], c->first, c->last, c->in_flight)
                                    : NULL;
        least = k ? fmin(least, k->upper) : least;
    }
    return least;
}

/* The stages of a solution; learns what is not known of them. *exact: nothing had to be learnt. */
static enum sc_status inspect(struct search *s, const struct sc_stage_solution *solution, bool closely,
                              struct chosen *out, bool *exact)
{
    enum sc_status status = SC_OK;
    *exact = true;
    for (int i = solution->count - 1; i >= 0 && status == SC_OK; i--) { /* what holds few in flight may hold more */
        const struct sc_stage_option *o = &s->options.data[solution->stages[i]];
        const struct stage_pin *pin = pin_of(s, i);
        struct chosen *c = &out[i];
        *c = (struct chosen){o->first, o->last, o->submesh, in_flight_of(s, solution->count - 1 - i), NULL, 0, 0};
        for (;;) {
            c->view = best_view(s, o->submesh, o->first, o->last, c->in_flight, pin ? &pin->axes : NULL, &c->lower);
            if (!c->view) {
                c->lower = c->upper = INFINITY;
                break;
            }
            bool pinned = reach_of(s, c->view) != NULL;
            const struct known *k = find_known(s, c->view, c->first, c->last, c->in_flight);
            bool cut = k && isinf(k->upper) && isfinite(k->lower); /* now it is of interest */
            if (k && !cut && (k->lower >= k->upper || !closely || (k->closely && k->work >= s->work))) {
                c->upper = k->upper;
                break;
            }
            status = pin_view(s, c->view);
            if (status != SC_OK)
                break;
            *exact = false;
            bool more = false;
            if (pinned)
                status = serve(s, c->view, c->first, c->last, &more);
            if (status != SC_OK)
                break;
            if (!pinned || more)
                continue; /* with its pins another view may be better, or all is known */
            double most = cut ? INFINITY : least_of_others(s, o->submesh, c, pin ? &pin->axes : NULL);
            status = learn(s, c->view, c->first, c->last, c->in_flight, closely, most);
            if (status != SC_OK)
                break;
        }
    }
    return status;
}

static void say(const struct search *s, double best, double bound)
{
    sc_progress_set(s->request->progress, "stages", best / s->microbatches, bound / s->microbatches);
}

static enum sc_status run_rounds(struct search *s, struct answer *best, double *bound, bool *infeasible)
{
    enum sc_status status = SC_OK;
    struct chosen *stages = sc_calloc((size_t)s->layers + 1, sizeof *stages);
    best->stages = sc_calloc((size_t)s->layers + 1, sizeof *best->stages);
    *bound = -INFINITY;
    *infeasible = false;
    if (!stages || !best->stages)
        status = no_memory(s->err);
    for (int round = 0; status == SC_OK && round < MOST_ROUNDS; round++) {
        struct sc_stage_solution solution = {0};
        bool exact = false;
        status = solve_stages(s, best->objective, &solution);
        if (status == SC_OK && solution.status == SC_STAGES_INFEASIBLE) {
            *infeasible = true;
            sc_stage_solution_free(&solution);
            break;
        }
        if (status == SC_OK && solution.status == SC_STAGES_TIMEOUT)
            status = SC_CANCELLED;
        if (status == SC_OK) {
            *bound = fmax(*bound, solution.bound_s);
            say(s, best->objective, *bound);
            status = inspect(s, &solution, false, stages, &exact);
        }
        if (status == SC_OK) {
            double cost = price_answer(s, stages, solution.count, true);
            if (cost < best->objective) {
                best->objective = cost;
                best->count = solution.count;
                memcpy(best->stages, stages, (size_t)solution.count * sizeof *stages);
            }
            say(s, best->objective, *bound);
        }
        uint64_t most = s->request->work_limit ? s->request->work_limit : most_work;
        while (status == SC_OK && exact && best->objective > *bound) { /* nothing new, and not close enough */
            status = inspect(s, &solution, true, stages, &exact);
            if (!exact || s->work >= most)
                break;
            s->work = s->work * 8 < most ? s->work * 8 : most;
        }
        sc_stage_solution_free(&solution);
        if (status == SC_OK &&
            (exact || best->objective <= *bound || (best->objective - *bound) <= s->settings->gap * best->objective))
            break;
        if (status == SC_OK && sc_cancelled(s->cancel))
            status = SC_CANCELLED;
    }
    sc_free(stages);
    return status;
}

static bool may_be_stages(const struct search *s, int count)
{
    return count == 1 || (s->microbatches % count == 0 && count * s->chunks <= s->layers && count <= s->devices);
}

/* Interleaved, each number of stages in turn that divides the microbatches (Megatron-LM's rule); else all at once. */
static enum sc_status run_all(struct search *s, struct answer *best, double *bound, bool *infeasible)
{
    int least = (int)(s->settings->stages_min > 1 ? s->settings->stages_min : 1), most = (int)s->settings->stages_max;
    enum sc_status status = SC_OK;
    s->stages_min = least;
    s->stages_max = most;
    best->objective = INFINITY;
    if (s->chunks == 1)
        return run_rounds(s, best, bound, infeasible);
    *bound = INFINITY;
    *infeasible = true;
    for (int count = least; count <= most && count <= s->layers && status == SC_OK; count++) {
        struct answer answer = {.objective = best->objective};
        double below;
        bool none;
        if (!may_be_stages(s, count))
            continue;
        s->stages_min = s->stages_max = count;
        s->pace = 0;
        status = run_rounds(s, &answer, &below, &none);
        *bound = fmin(*bound, none ? INFINITY : below);
        *infeasible &= none;
        if (answer.count) {
            answer_free(best);
            *best = answer;
        } else {
            answer_free(&answer);
        }
    }
    if (best->count) /* what was in flight depends on it */
        s->stages_min = s->stages_max = best->count;
    return status;
}

/* ---- constraints ------------------------------------------------------------------------------------ */

static enum sc_status find_layers(struct search *s, struct sc_arena *arena, const struct sc_texts *texts,
                                  const char *option, bool **out)
{
    const struct sc_graph *g = s->planner->graph;
    *out = sc_arena_calloc(arena, (size_t)s->layers + 1, sizeof **out);
    const char **names = sc_arena_calloc(arena, (size_t)s->layers + 1, sizeof *names);
    if (!*out || !names)
        return no_memory(s->err);
    for (int l = 0; l < s->layers; l++)
        names[l] = g->layers[l].name;
    for (int i = 0; i < texts->count; i++) {
        int64_t number = -1;
        for (int l = 0; l < s->layers && number < 0; l++)
            if (strcmp(names[l], texts->at[i]) == 0)
                number = l;
        if (number < 0 && (!sc_parse_int(texts->at[i], &number) || number < 0 || number >= s->layers)) {
            const char *near = sc_nearest(texts->at[i], names, (size_t)s->layers);
            return sc_fail(s->err, SC_USAGE, "--%s %s: %s has no such layer (0 to %d)%s%s%s", option, texts->at[i],
                           g->name, s->layers - 1, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        }
        if (number == 0)
            return sc_fail(s->err, SC_USAGE, "--%s %s: the first stage always begins at the first layer", option,
                           texts->at[i]);
        (*out)[number] = true;
    }
    return SC_OK;
}

static enum sc_status find_stage_pins(struct search *s, struct sc_arena *arena)
{
    const struct sc_texts *texts = &s->settings->stage_meshes;
    s->stage_pins = sc_arena_calloc(arena, (size_t)texts->count + 1, sizeof *s->stage_pins);
    if (!s->stage_pins)
        return no_memory(s->err);
    if (texts->count && s->settings->stages_min != s->settings->stages_max)
        return sc_fail(s->err, SC_USAGE, "--stage-mesh %s: say how many stages there are, by --stages N", texts->at[0]);
    for (int i = 0; i < texts->count; i++) {
        struct stage_pin *pin = &s->stage_pins[s->stage_pin_count++];
        int used = 0;
        sscanf(texts->at[i], "%d=%dx%d%n", &pin->stage, &pin->hosts, &pin->devices, &used);
        if (texts->at[i][used] == ':')
            sc_axes_parse(texts->at[i] + used + 1, &pin->axes);
        if (pin->stage >= s->settings->stages_max)
            return sc_fail(s->err, SC_USAGE, "--stage-mesh %s: there are %lld stages, from 0 on", texts->at[i],
                           (long long)s->settings->stages_max);
        if (!can_be_submesh(s, pin->hosts, pin->devices))
            return sc_fail(s->err, SC_USAGE,
                           "--stage-mesh %s: a stage has up to %d devices of one host, or 1 to %d whole hosts of %d",
                           texts->at[i], s->host_devices, s->hosts, s->host_devices);
    }
    return SC_OK;
}

static enum sc_status prepare(struct search *s, struct sc_arena *arena)
{
    const struct sc_settings *settings = s->settings;
    struct sc_planner *planner = s->planner;
    s->layers = planner->graph->layer_count;
    s->microbatches = (int)planner->graph->microbatches;
    s->chunks = settings_chunks(settings);
    if (settings->mesh && *settings->mesh)
        return sc_fail(s->err, SC_USAGE,
                       "--mesh %s is of the whole model; with --stages, say --stage-mesh STAGE=HxD:RxC",
                       settings->mesh);
    enum sc_status status = planner_submesh(planner, settings, &s->hosts, &s->host_devices, s->err);
    s->devices = s->hosts * s->host_devices;
    if (status == SC_OK)
        status = find_layers(s, arena, &settings->cuts, "cut", &s->cut);
    if (status == SC_OK)
        status = find_layers(s, arena, &settings->no_cuts, "no-cut", &s->no_cut);
    if (status == SC_OK)
        status = find_stage_pins(s, arena);
    if (status == SC_OK)
        status = make_submeshes(s);
    return status;
}

/* ---- the plan --------------------------------------------------------------------------------------- */

static enum sc_status fill_stage(struct search *s, const struct chosen *c, int first_device, struct sc_plan_stage *out)
{
    struct attempt attempt = {0};
    struct cached_tables tables = {0};
    struct plan_full *full = planner_new_plan(s->err);
    const struct known *k = find_known(s, c->view, c->first, c->last, c->in_flight);
    struct aim aim = {k ? INFINITY : s->settings->gap, 0, k ? k->choices : NULL};
    enum sc_status status =
        full ? solve_run(s, c->view, c->first, c->last, c->in_flight, &aim, &attempt, &tables) : SC_NO_MEMORY;
    if (!full)
        return status;
    if (status == SC_OK && !attempt.solution->choices)
        status = sc_fail(s->err, SC_CANCELLED, "cancelled while planning a stage");
    if (status == SC_OK && k) { /* what was proven of it before */
        attempt.solution->bound = k->lower;
        attempt.solution->status = k->lower >= k->upper ? SC_SOLVED_OPTIMAL : SC_SOLVED_FEASIBLE;
        attempt.solution->gap = k->lower >= k->upper ? 0 : (k->upper - k->lower) / k->upper;
    }
    if (status == SC_OK)
        status = planner_fill(full, s->planner, &attempt, s->request, s->err);
    free_run(&attempt, &tables);
    if (status != SC_OK) {
        sc_plan_free(&full->plan);
        return status;
    }
    int end = first_device + c->view->hosts * c->view->devices;
    *out = (struct sc_plan_stage){.first_layer = c->first,
                                  .last_layer = c->last,
                                  .hosts = c->view->hosts,
                                  .devices = c->view->devices,
                                  .first_device = first_device,
                                  .in_flight = c->in_flight,
                                  .plan = &full->plan};
    out->transfer = sc_costs_transfer(c->view->tables.costs, c->first, c->last, first_device % s->host_devices == 0,
                                      end % s->host_devices == 0);
    plan_stage_times(&full->plan, &out->microbatch_s, &out->once_s);
    const struct sc_transfer *t = &out->transfer;
    out->microbatch_s += transfers_a_microbatch(s, c->first, c->last) *
                         (t->in_forward_s + t->in_backward_s + t->out_forward_s + t->out_backward_s);
    out->stage_s = out->microbatch_s + out->once_s / s->microbatches;
    return SC_OK;
}

/* Seconds of the iteration by what they are for. With a pipeline an iteration is (B - 1) times the longest stage and
 * all stages once: what is not work of the longest stage is bubble to its devices. */
static void add_parts(struct sc_plan *plan, const struct search *s)
{
    int longest = 0;
    for (int i = 0; i < plan->stage_count; i++) {
        if (plan->stages[i].stage_s > plan->stages[longest].stage_s)
            longest = i;
        const struct sc_memory *m = &plan->stages[i].plan->memory;
        if (plan->stages[i].plan->peak_bytes > plan->peak_bytes) {
            plan->peak_bytes = plan->stages[i].plan->peak_bytes;
            plan->memory = *m;
        }
        plan->flops_per_device += plan->stages[i].plan->flops_per_device * plan->stages[i].plan->objective_s *
                                  (plan->stages[i].hosts * plan->stages[i].devices);
    }
    plan->flops_per_device /= plan->objective_s * s->devices;
    const struct sc_plan_stage *l = &plan->stages[longest];
    plan->parts = l->plan->parts;
    plan->term_s = l->plan->term_s;
    plan->parts.cross_mesh += (l->microbatch_s * s->microbatches + l->once_s) - l->plan->objective_s;
    plan->parts.bubble = plan->objective_s - (l->microbatch_s * s->microbatches + l->once_s);
}

static enum sc_status fill_plan(struct search *s, const struct answer *best, double bound, bool infeasible,
                                struct plan_full *full)
{
    struct sc_plan *plan = &full->plan;
    struct sc_plan_stage *stages = sc_arena_calloc(full->arena, (size_t)best->count + 1, sizeof *stages);
    if (!stages || !sc_settings_copy(&plan->settings, s->settings))
        return no_memory(s->err);
    plan->graph = sc_graph_share(s->planner->graph);
    plan->cluster = sc_cluster_share(s->planner->cluster);
    plan->costs = sc_costs_share(s->submesh[0].view[0]->tables.costs);
    plan->revision = s->request->revision;
    plan->stages = stages;
    plan->chunks = s->chunks;
    plan->status = SC_SOLVED_TIMEOUT;
    plan->objective_s = plan->gap = INFINITY;
    plan->bound_s = bound / s->microbatches;
    enum sc_status status = SC_OK;
    int device = 0;
    for (int i = 0; i < best->count && status == SC_OK; i++) {
        status = fill_stage(s, &best->stages[i], device, &stages[i]);
        plan->stage_count += status == SC_OK;
        device += best->stages[i].view->hosts * best->stages[i].view->devices;
    }
    if (status != SC_OK)
        return status;
    if (best->count) {
        /* From the stages' own plans, which the checker priced. */
        struct chosen *again = sc_arena_copy(full->arena, best->stages, (size_t)best->count * sizeof *again);
        if (!again)
            return no_memory(s->err);
        for (int i = 0; i < best->count; i++)
            again[i].upper = stages[i].plan->objective_s;
        plan->objective_s = price_answer(s, again, best->count, true) / s->microbatches;
        plan->gap = fmax(0, (plan->objective_s - plan->bound_s) / plan->objective_s);
        plan->status = plan->objective_s <= plan->bound_s * (1 + 1e-12) ? SC_SOLVED_OPTIMAL : SC_SOLVED_FEASIBLE;
        if (plan->status == SC_SOLVED_OPTIMAL) {
            plan->bound_s = plan->objective_s;
            plan->gap = 0;
        }
        plan->iteration_s = plan->objective_s;
        plan->choice = stages[0].plan->choice;
        plan->delta = stages[0].plan->delta;
        plan->delta_exact = stages[0].plan->delta_exact;
        plan->solution = NULL;
        sc_costs_free((struct sc_costs *)(uintptr_t)plan->costs);
        plan->costs = sc_costs_share(stages[0].plan->costs);
        add_parts(plan, s);
    } else if (infeasible) {
        plan->status = SC_SOLVED_INFEASIBLE;
        plan->bound_s = INFINITY;
    }
    return SC_OK;
}

static enum sc_status copy_pinned(struct plan_full *full)
{
    struct sc_plan *plan = &full->plan;
    bool *pinned = sc_arena_calloc(full->arena, (size_t)plan->graph->op_count + 1, sizeof *pinned);
    plan->pinned = pinned;
    return pinned ? SC_OK : SC_NO_MEMORY;
}

/* Is there a mesh on which a pin that matches ops can be obeyed? */
static enum sc_status find_mesh(struct search *s, struct sc_arena *arena, int index, struct sc_pin_status *status)
{
    for (int m = 0; m < s->submesh_count && status->state == SC_PIN_NO_STRATEGY; m++)
        for (int i = 0; i < s->submesh[m].view_count && status->state == SC_PIN_NO_STRATEGY; i++) {
            struct plan_pins pins;
            const struct sc_costs *costs = s->submesh[m].view[i]->tables.costs;
            enum sc_status made = plan_pins_bind(arena, costs, s->request->fixed, s->settings, &pins, s->err);
            if (made != SC_OK)
                return made;
            if (pins.status[pins.fixed + index].ops > 0)
                status->state = SC_PIN_OBEYED;
        }
    return SC_OK;
}

static enum sc_status copy_pins(struct search *s, struct sc_arena *arena, struct plan_full *full)
{
    struct sc_plan *plan = &full->plan;
    struct view *any = s->submesh[0].view[0];
    if (!s->pins_key)
        return copy_pinned(full);
    enum sc_status status = pin_view(s, any);
    if (status != SC_OK)
        return status;
    const struct plan_pins *from = &any->pins;
    int count = from->count - from->fixed;
    struct sc_pin_status *pins = sc_arena_calloc(full->arena, (size_t)count + 1, sizeof *pins);
    bool *pinned = sc_arena_calloc(full->arena, (size_t)plan->graph->op_count + 1, sizeof *pinned);
    if (!pins || !pinned)
        return no_memory(s->err);
    for (int i = 0; i < count; i++) {
        pins[i] = from->status[from->fixed + i];
        pins[i].glob = sc_arena_strdup(full->arena, pins[i].glob);
        pins[i].strategy = sc_arena_strdup(full->arena, pins[i].strategy);
        status = find_mesh(s, arena, i, &pins[i]);
        if (status != SC_OK)
            return status;
    }
    for (int i = 0; i < plan->stage_count; i++) /* strategies depend on the mesh: each stage knows its own */
        for (int p = 0; p < count && p < plan->stages[i].plan->pin_count; p++) {
            const struct sc_pin_status *own = &plan->stages[i].plan->pins[p];
            pins[p].ops = own->ops + (i > 0 ? pins[p].ops : 0);
            if (own->ops > 0)
                pins[p].state = own->state;
        }
    for (int op = 0; plan->stage_count && op < plan->graph->op_count; op++) {
        const struct sc_plan *part = sc_plan_of_op(plan, op);
        pinned[op] = part->pinned && part->pinned[op];
    }
    plan->pins = pins;
    plan->pin_count = count;
    plan->pinned = pinned;
    return SC_OK;
}

enum sc_status hierarchy_make(struct sc_planner *planner, const struct sc_plan_request *request, struct plan_full *full,
                              struct sc_error *err)
{
    if (!planner->hierarchy)
        planner->hierarchy = sc_alloc(sizeof *planner->hierarchy);
    struct sc_arena *arena = sc_arena_new();
    struct search *s = sc_alloc(sizeof *s);
    struct answer best = {0};
    double bound = -INFINITY, started = sc_now();
    bool infeasible = false;
    enum sc_status status = planner->hierarchy && arena && s ? SC_OK : no_memory(err);
    if (status == SC_OK) {
        *s = (struct search){.planner = planner,
                             .h = planner->hierarchy,
                             .request = request,
                             .settings = request->settings,
                             .cancel = request->cancel,
                             .err = err};
        s->h->clock++;
        s->pins_key = pins_key(s);
        s->work = request->work_limit && request->work_limit < first_work ? request->work_limit : first_work;
        status = prepare(s, arena);
    }
    if (status == SC_OK)
        status = run_all(s, &best, &bound, &infeasible);
    if (status == SC_CANCELLED && best.count) {
        status = SC_OK; /* the best so far, with its gap; writing it down takes its time */
        s->cancel = NULL;
    }
    if (status == SC_CANCELLED && !sc_cancel_requested(request->cancel))
        status = sc_fail(err, SC_TIMEOUT, "stopped by the time limit with no plan");
    if (status == SC_OK)
        status = fill_plan(s, &best, bound, infeasible, full);
    if (status == SC_OK)
        status = copy_pins(s, arena, full);
    full->plan.solve_s = sc_now() - started;
    if (s && planner->hierarchy) {
        drop_views(s);
        sc_vec_free(&s->options);
    }
    answer_free(&best);
    sc_free(s);
    sc_arena_free(arena);
    return status;
}
