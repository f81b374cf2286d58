/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The planner: settings to a plan, keeping what a later request can use again. Three small caches, each keyed by the
 * content that its value depends on and nothing else: graphs and clusters by the settings that load them, cost
 * tables with their problem by (graph, cluster, mesh, cost options). A pin therefore rebuilds nothing: it varies the
 * problem's costs and solves.
 */
#include <math.h>
#include <string.h>

#include "plan/planner.h"

/* FLOPs of a layer may exceed the mean by so much; Alpa's default. */
static const double layer_tolerance = 0.6;

struct sc_planner *sc_planner_new(const struct sc_loader *loader)
{
    struct sc_planner *planner = sc_alloc(sizeof *planner);
    if (planner)
        planner->loader = loader;
    return planner;
}

static void drop_tables(struct cached_tables *tables)
{
    sc_costs_free(tables->costs);
    sc_problem_free(tables->problem);
    sc_free(tables->last);
    *tables = (struct cached_tables){0};
}

void sc_planner_free(struct sc_planner *planner)
{
    if (!planner)
        return;
    for (int i = 0; i < PLAN_CACHE_SIZE; i++)
        drop_tables(&planner->tables[i]);
    sc_graph_free(planner->graph);
    sc_cluster_free(planner->cluster);
    hierarchy_free(planner->hierarchy);
    sc_free(planner);
}

/* ---- loading ---- */

static uint64_t hash_int(uint64_t hash, int64_t value)
{
    return sc_hash_u64(hash, (uint64_t)value);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return sc_hash_text(hash, text ? text : "");
}

static uint64_t graph_key(const struct sc_settings *s)
{
    uint64_t key = hash_text(1, s->model);
    key = hash_int(hash_int(hash_int(key, s->batch), s->microbatches > 0 ? s->microbatches : 0), s->sequence);
    key = hash_int(key, s->layers);
    key = hash_int(hash_int(key, s->mode), s->has_precision ? (int64_t)s->precision : -1);
    for (int i = 0; i < s->sets.count; i++)
        key = hash_text(key, s->sets.at[i]);
    return key ? key : 1;
}

static uint64_t cluster_key(const struct sc_settings *s)
{
    uint64_t key = hash_text(hash_text(2, s->cluster), s->formulas);
    return key ? key : 1;
}

/* The graph in other layers, in its place. */
static enum sc_status cluster_layers(const struct sc_settings *settings, struct sc_graph **graph, struct sc_error *err)
{
    struct sc_graph *clustered = NULL;
    int layers = settings->layers < 0 ? 0 : (int)settings->layers;
    enum sc_status status = sc_cluster_graph(*graph, layers, layer_tolerance, NULL, &clustered, err);
    if (status == SC_INFEASIBLE || status == SC_INPUT)
        err->status = status = SC_USAGE;
    sc_graph_free(*graph);
    *graph = clustered;
    return status;
}

static enum sc_status refresh(struct sc_planner *planner, const struct sc_settings *settings, struct sc_error *err)
{
    const struct sc_loader *loader = planner->loader;
    enum sc_status status = SC_OK;
    if (planner->graph_key != graph_key(settings)) {
        struct sc_graph *graph;
        status = loader->model(loader->user, settings, &graph, err);
        if (status == SC_OK && settings->layers != 0)
            status = cluster_layers(settings, &graph, err);
        if (status != SC_OK)
            return status;
        sc_graph_free(planner->graph);
        planner->graph = graph;
        planner->graph_key = graph_key(settings);
    }
    if (planner->cluster_key != cluster_key(settings)) {
        struct sc_cluster *cluster;
        enum sc_formulas formulas = SC_FORMULAS_NATIVE;
        status = loader->cluster(loader->user, settings, &cluster, &formulas, err);
        if (status != SC_OK)
            return status;
        sc_cluster_free(planner->cluster);
        planner->cluster = cluster;
        planner->formulas = formulas;
        planner->cluster_key = cluster_key(settings);
    }
    return SC_OK;
}

enum sc_status sc_planner_load(struct sc_planner *planner, const struct sc_settings *settings, struct sc_graph **graph,
                               struct sc_cluster **cluster, struct sc_error *err)
{
    enum sc_status status = refresh(planner, settings, err);
    if (status == SC_OK) {
        *graph = sc_graph_share(planner->graph);
        *cluster = sc_cluster_share(planner->cluster);
    }
    return status;
}

/* ---- meshes ---- */

/* Hosts × devices a host for --devices N: a part of one host, or whole hosts. */
enum sc_status planner_submesh(const struct sc_planner *planner, const struct sc_settings *settings, int *hosts,
                               int *devices, struct sc_error *err)
{
    const struct sc_cluster *cluster = planner->cluster;
    int64_t all = (int64_t)cluster->hosts * cluster->devices_per_host;
    int64_t wanted = settings->devices ? settings->devices : all;
    if (wanted > all)
        return sc_fail(err, SC_USAGE, "--devices %lld: cluster %s has %lld", (long long)wanted, cluster->name,
                       (long long)all);
    if (wanted > cluster->devices_per_host && wanted % cluster->devices_per_host != 0)
        return sc_fail(err, SC_USAGE, "--devices %lld: beyond one host take whole hosts, a multiple of %d",
                       (long long)wanted, cluster->devices_per_host);
    bool within = wanted <= cluster->devices_per_host;
    *hosts = within ? 1 : (int)(wanted / cluster->devices_per_host);
    *devices = within ? (int)wanted : cluster->devices_per_host;
    return SC_OK;
}

/* The shape asked for, the one the cluster is meant as, or every shape of its devices. */
static enum sc_status shapes_to_try(const struct sc_cluster *cluster, const struct sc_settings *settings, int devices,
                                    struct sc_axes *shapes, int *count, struct sc_error *err)
{
    if (settings->mesh && *settings->mesh) {
        if (!sc_axes_parse(settings->mesh, &shapes[0]))
            return sc_fail(err, SC_USAGE, "--mesh %s: not a shape; for example 2x4", settings->mesh);
        if (sc_axes_product(&shapes[0], 7u) != devices)
            return sc_fail(err, SC_USAGE, "--mesh %s: has %d devices, but %d are asked for (--devices)", settings->mesh,
                           sc_axes_product(&shapes[0], 7u), devices);
        *count = 1;
        return SC_OK;
    }
    if (cluster->logical.count && sc_axes_product(&cluster->logical, 7u) == devices) {
        shapes[0] = cluster->logical;
        *count = 1;
        return SC_OK;
    }
    *count = sc_mesh_shapes(devices, (int)settings->max_axes, shapes, PLAN_MAX_SHAPES);
    if (*count > PLAN_MAX_SHAPES)
        return sc_fail(err, SC_LIMIT,
                       "%d devices have %d logical meshes of %d axes, more than %d; choose one by --mesh", devices,
                       *count, (int)settings->max_axes, PLAN_MAX_SHAPES);
    return SC_OK;
}

/* ---- cost tables ---- */

int settings_chunks(const struct sc_settings *s)
{
    enum { USUAL = 2 };
    bool interleaved = s->schedule == SC_SCHEDULE_INTERLEAVED && s->mode == SC_TRAIN && s->stages_max > 0;
    return !interleaved ? 1 : s->chunks ? (int)s->chunks : USUAL;
}

struct sc_cost_options planner_cost_options(const struct sc_settings *s, const struct sc_graph *graph,
                                            enum sc_remat remat)
{
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    options.mode = s->mode;
    options.microbatches = (int)graph->microbatches;
    options.chunks = settings_chunks(s);
    options.remat = remat;
    options.memory_bytes = s->memory_gib * 0x1p30;
    options.uneven = s->uneven;
    options.reduce_scatter = !s->no_reduce_scatter;
    options.shard_state = !s->no_shard_state;
    options.compute = !s->no_compute;
    if (s->has_precision)
        options.recipe = sc_recipe_of(s->precision);
    return options;
}

uint64_t planner_tables_key(const struct sc_planner *planner, const struct sc_mesh *mesh,
                            const struct sc_cost_options *o)
{
    uint64_t key = sc_hash_u64(sc_hash_u64(3, planner->graph->hash), planner->cluster->hash);
    key = hash_int(hash_int(hash_int(key, mesh->hosts), mesh->devices), mesh->formulas);
    key = hash_int(key, mesh->axes.count);
    for (int a = 0; a < mesh->axes.count; a++)
        key = hash_int(key, mesh->axes.size[a]);
    key = hash_int(hash_int(hash_int(hash_int(key, o->mode), o->microbatches), o->remat), o->chunks);
    key = hash_int(hash_int(key, o->uneven), o->cuttable * 8 + o->reduce_scatter * 4 + o->shard_state * 2 + o->compute);
    key = sc_hash_bytes(key, &o->memory_bytes, sizeof o->memory_bytes);
    key = sc_hash_bytes(key, &o->recipe.parameter, sizeof o->recipe.parameter);
    return key ? key : 1;
}

static enum sc_status tables_of(struct sc_planner *planner, const struct sc_mesh *mesh,
                                const struct sc_cost_options *options, struct sc_cancel *cancel,
                                struct cached_tables **out, struct sc_error *err)
{
    uint64_t key = planner_tables_key(planner, mesh, options);
    struct cached_tables *oldest = &planner->tables[0];
    for (int i = 0; i < PLAN_CACHE_SIZE; i++) {
        struct cached_tables *tables = &planner->tables[i];
        if (tables->key == key) {
            tables->used = ++planner->clock;
            *out = tables;
            return SC_OK;
        }
        if (tables->used < oldest->used)
            oldest = tables;
    }
    struct cached_tables made = {.key = key, .used = ++planner->clock};
    enum sc_status status = sc_costs_new(planner->graph, mesh, options, cancel, &made.costs, err);
    if (status == SC_OK)
        status = sc_plan_problem(made.costs, &made.problem, err);
    if (status != SC_OK) {
        drop_tables(&made);
        return status;
    }
    drop_tables(oldest);
    *oldest = made;
    *out = oldest;
    return SC_OK;
}

/* ---- one mesh ---- */

void attempt_free(struct attempt *attempt)
{
    sc_problem_free(attempt->problem);
    sc_solution_free(attempt->solution);
    sc_solution_free(attempt->marginals);
    sc_arena_free(attempt->arena);
    *attempt = (struct attempt){0};
}

static enum sc_status solve_attempt(struct attempt *attempt, const struct sc_plan_request *request, bool marginals,
                                    double gap, double most, struct sc_solution **out, struct sc_error *err)
{
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    options.solver = request->settings->solver;
    options.gap = gap;
    options.most = most;
    options.warm = attempt->tables->last;
    options.marginals = marginals;
    options.limits = true;
    options.cancel = request->cancel;
    options.progress = request->progress;
    return sc_solve(attempt->problem, &options, out, err);
}

/* Is `a` to be preferred? First the one that obeys more pins, then one with a plan, then the cheaper, then the one of
 * which more is proven. Earlier wins ties. */
static bool better(const struct attempt *a, const struct attempt *b)
{
    if (!b->solution)
        return true;
    if (a->pins.applied != b->pins.applied)
        return a->pins.applied > b->pins.applied;
    if (!a->solution->choices != !b->solution->choices)
        return a->solution->choices != NULL;
    if (a->solution->cost != b->solution->cost)
        return a->solution->cost < b->solution->cost;
    return a->solution->bound > b->solution->bound;
}

/* ---- a plan from the best attempt ---- */

/* From a solution with min-marginals, which need not be the plan's own. */
static enum sc_status copy_deltas(struct plan_full *full, const struct sc_solution *solution, struct sc_error *err)
{
    struct sc_plan *plan = &full->plan;
    bool proven = plan->status == SC_SOLVED_OPTIMAL;
    if (!solution->marginal)
        return SC_OK;
    int nodes = plan->costs->node_count;
    double least = proven ? 0 : -INFINITY;
    double **delta = sc_arena_calloc(full->arena, (size_t)nodes + 1, sizeof *delta);
    bool *exact = sc_arena_calloc(full->arena, (size_t)nodes + 1, sizeof *exact);
    if (!delta || !exact)
        return sc_fail(err, SC_NO_MEMORY, "no memory for the differences of candidates");
    for (int n = 0; n < nodes; n++) {
        int choices = plan->costs->nodes[n].set->count;
        delta[n] = sc_arena_calloc(full->arena, (size_t)choices, sizeof **delta);
        if (!delta[n])
            return sc_fail(err, SC_NO_MEMORY, "no memory for the differences of candidates");
        for (int c = 0; c < choices; c++)
            delta[n][c] = plan->choice[n] == c ? 0 : fmax(solution->marginal[n][c] - plan->objective_s, least);
        exact[n] = solution->marginals_exact && proven;
    }
    plan->delta = delta;
    plan->delta_exact = exact;
    return SC_OK;
}

static enum sc_status copy_pins(struct plan_full *full, struct attempt *attempt, struct sc_error *err)
{
    struct sc_plan *plan = &full->plan;
    struct sc_arena *arena = full->arena;
    const struct sc_graph *graph = plan->graph;
    int hidden = attempt->pins.fixed, count = attempt->pins.count - hidden;
    struct sc_pin_status *pins = sc_arena_calloc(arena, (size_t)count + 1, sizeof *pins);
    bool *pinned = sc_arena_calloc(arena, (size_t)graph->op_count + 1, sizeof *pinned);
    full->forced = sc_arena_calloc(arena, (size_t)plan->costs->node_count + 1, sizeof *full->forced);
    if (!pins || !pinned || !full->forced)
        return sc_fail(err, SC_NO_MEMORY, "no memory for the plan's pins");
    for (int i = 0; i < count; i++) {
        pins[i] = attempt->pins.status[hidden + i];
        pins[i].glob = sc_arena_strdup(arena, pins[i].glob);
        pins[i].strategy = sc_arena_strdup(arena, pins[i].strategy);
    }
    for (int op = 0; op < graph->op_count; op++)
        pinned[op] = attempt->pins.winner[op] >= hidden;
    for (int n = 0; n < plan->costs->node_count; n++) {
        const int *allowed = attempt->pins.allowed[n];
        int length = 0;
        if (!allowed)
            continue;
        while (allowed[length] >= 0)
            length++;
        full->forced[n] = sc_arena_copy(arena, allowed, (size_t)(length + 1) * sizeof *allowed);
    }
    plan->pin_count = count;
    plan->pins = pins;
    plan->pinned = pinned;
    return SC_OK;
}

static void add_warnings(struct plan_full *full)
{
    struct sc_plan *plan = &full->plan;
    const char **warnings = sc_arena_calloc(full->arena, (size_t)plan->pin_count + 2, sizeof *warnings);
    if (!warnings)
        return;
    for (int i = 0; i < plan->pin_count; i++) {
        const struct sc_pin_status *pin = &plan->pins[i];
        if (pin->state != SC_PIN_OBEYED || pin->example) {
            const char *what = pin->state == SC_PIN_OBEYED ? "not obeyed everywhere" : sc_pin_state_name(pin->state);
            warnings[plan->warning_count++] =
                pin->example ? sc_arena_printf(full->arena, "pin %s=%s: %s: %s has no such strategy on this mesh",
                                               pin->glob, pin->strategy, what, pin->example)
                             : sc_arena_printf(full->arena, "pin %s=%s: %s", pin->glob, pin->strategy, what);
        }
    }
    plan->warnings = warnings;
}

/* Memory too small: say how much would do, when the solver knows. */
static enum sc_status explain_infeasible(struct plan_full *full, struct attempt *attempt, struct sc_cancel *cancel,
                                         struct sc_error *err)
{
    struct sc_plan *plan = &full->plan;
    enum sc_status status = plan_conflict(full->arena, full->base, plan->costs, &attempt->pins, cancel,
                                          &plan->conflict_count, &plan->conflicts, err);
    double enough = attempt->solution->limit_feasible;
    if (status == SC_OK && isfinite(enough) && enough > full->pinned->limit && plan->conflict_count > 0) {
        const char **texts =
            sc_arena_copy(full->arena, plan->conflicts, (size_t)(plan->conflict_count + 1) * sizeof *texts);
        char size[32];
        sc_format_bytes(enough, size, sizeof size);
        if (!texts)
            return sc_fail(err, SC_NO_MEMORY, "no memory for the conflict");
        const char *last = texts[plan->conflict_count - 1];
        texts[plan->conflict_count - 1] = sc_arena_printf(full->arena, "%s (%s would do)", last, size);
        plan->conflicts = texts;
    }
    return status;
}

enum sc_status planner_fill(struct plan_full *full, struct sc_planner *planner, struct attempt *attempt,
                            const struct sc_plan_request *request, struct sc_error *err)
{
    struct sc_plan *plan = &full->plan;
    struct sc_solution *solution = attempt->solution;
    if (!sc_settings_copy(&plan->settings, request->settings))
        return sc_fail(err, SC_NO_MEMORY, "no memory for a plan");
    plan->graph = sc_graph_share(planner->graph);
    plan->cluster = sc_cluster_share(planner->cluster);
    plan->costs = sc_costs_share(attempt->tables->costs);
    full->base = sc_problem_share(attempt->tables->problem);
    full->pinned = attempt->problem;
    plan->solution = solution;
    attempt->problem = NULL;
    attempt->solution = NULL;
    plan->revision = request->revision;
    plan->status = solution->status;
    plan->objective_s = solution->cost;
    plan->bound_s = solution->bound;
    plan->gap = solution->gap;
    plan->solve_s = solution->seconds;
    enum sc_status status = SC_OK;
    if (solution->choices) {
        plan->choice = solution->choices;
        struct sc_check check = sc_problem_check(full->pinned, plan->choice);
        plan->peak_bytes = check.peak;
        if (!check.feasible || check.cost != solution->cost)
            return sc_fail(err, SC_INTERNAL, "the checker prices the plan at %.17g, the solver at %.17g", check.cost,
                           solution->cost);
        status = plan_account(full, err);
        if (status == SC_OK)
            status = copy_deltas(full, attempt->marginals ? attempt->marginals : solution, err);
    } else if (plan->status == SC_SOLVED_INFEASIBLE) {
        attempt->solution = solution; /* borrowed for the explanation */
        status = explain_infeasible(full, attempt, request->cancel, err);
        attempt->solution = NULL;
    }
    if (status == SC_OK)
        status = copy_pins(full, attempt, err);
    if (status == SC_OK)
        add_warnings(full);
    return status;
}

static void remember(struct attempt *attempt)
{
    struct cached_tables *tables = attempt->tables;
    size_t size = (size_t)tables->problem->node_count * sizeof *tables->last;
    if (!attempt->solution->choices)
        return;
    if (!tables->last)
        tables->last = sc_alloc(size ? size : 1);
    if (tables->last)
        memcpy(tables->last, attempt->solution->choices, size);
}

/* A mesh, with or without rematerialisation, that the search tries. */
struct
try {
    struct sc_axes shape;
    enum sc_remat remat;
    int applied;  /* pins it obeys; -1: not known yet */
    double bound; /* no plan of it costs less */
    bool closed;  /* its best plan is known, or that none is wanted */
};

/* What the search over meshes and rematerialisations has found. */
struct search {
    int hosts, devices, count;
    double gap; /* plans better by so much are of no interest */
    struct try tries[2 * PLAN_MAX_SHAPES];
    struct attempt best;
    double bound, seconds; /* no plan of any of them costs less than bound */
};

/* Plans of a mesh must cost less than this, unless they obey more pins than the best. 0: any will do. */
static double wanted(const struct search *search, const struct plan_pins *pins)
{
    const struct attempt *best = &search->best;
    return best->solution && best->solution->choices && best->pins.applied >= pins->applied ? best->solution->cost : 0;
}

static enum sc_status solve_mesh(struct sc_planner *planner, const struct sc_plan_request *request,
                                 const struct search *search, const struct sc_mesh *mesh, enum sc_remat remat,
                                 double gap, struct attempt *out, struct sc_error *err)
{
    *out = (struct attempt){.arena = sc_arena_new()};
    if (!out->arena)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a plan");
    struct sc_cost_options options = planner_cost_options(request->settings, planner->graph, remat);
    enum sc_status status = tables_of(planner, mesh, &options, request->cancel, &out->tables, err);
    if (status == SC_OK)
        status = plan_pins_bind(out->arena, out->tables->costs, request->fixed, request->settings, &out->pins, err);
    if (status == SC_OK)
        status = plan_pins_apply(out->tables->problem, out->tables->costs, &out->pins, NULL,
                                 out->tables->problem->limit, &out->problem, err);
    bool deltas = request->deltas && search->count == 1;
    if (status == SC_OK)
        status = solve_attempt(out, request, deltas, gap, wanted(search, &out->pins), &out->solution, err);
    return status;
}

static void take_attempt(struct search *search, struct try *try, struct attempt *attempt)
{
    const struct sc_solution *s = attempt->solution;
    search->seconds += s->seconds;
    try->applied = attempt->pins.applied;
    try->bound = fmax(try->bound, s->bound);
    try->closed = s->status == SC_SOLVED_OPTIMAL || s->status == SC_SOLVED_INFEASIBLE;
    remember(attempt);
    if (better(attempt, &search->best)) {
        attempt_free(&search->best);
        search->best = *attempt;
    } else {
        attempt_free(attempt);
    }
}

/* Solve one of the tries until the gap, the deadline or the limit of work is reached. */
static enum sc_status run_try(struct sc_planner *planner, const struct sc_plan_request *request, struct search *search,
                              struct try *try, double gap, double deadline, uint64_t work, struct sc_error *err)
{
    struct sc_mesh mesh;
    struct attempt attempt = {0};
    struct sc_cancel part;
    struct sc_plan_request limited = *request;
    sc_cancel_part(&part, request->cancel, work);
    part.deadline = deadline;
    limited.cancel = &part;
    if (search->best.tables) /* not to be dropped for those of the others */
        search->best.tables->used = ++planner->clock;
    enum sc_status status =
        sc_mesh_make(planner->cluster, search->hosts, search->devices, &try->shape, planner->formulas, &mesh, err);
    if (status == SC_OK)
        status = solve_mesh(planner, &limited, search, &mesh, try->remat, gap, &attempt, err);
    if (status == SC_OK) {
        take_attempt(search, try, &attempt);
        return SC_OK;
    }
    attempt_free(&attempt);
    bool stopped = status == SC_CANCELLED || status == SC_TIMEOUT;
    return stopped && search->best.solution ? SC_OK : status; /* keep what is there */
}

/* May this one still have a plan better than the best? */
static bool is_open(const struct search *search, const struct try *try)
{
    const struct attempt *best = &search->best;
    if (try->closed || (try->applied >= 0 && try->applied < best->pins.applied))
        return false;
    if (try->applied < 0 || !best->solution->choices)
        return true;
    return best->solution->cost - try->bound > search->gap * fabs(best->solution->cost);
}

static int count_open(const struct search *search)
{
    int open = 0;
    for (int i = 0; i < search->count; i++)
        open += is_open(search, &search->tries[i]);
    return open;
}

/* The time by which one of so many has to end, when all have the same share of what is left. 0: no end. */
static double share(const struct sc_plan_request *request, int among)
{
    double deadline = request->cancel ? request->cancel->deadline : 0;
    return deadline > 0 ? sc_now() + (deadline - sc_now()) / (among > 1 ? among : 1) : 0;
}

/* Solves the cheapest once more, with min-marginals, as near as it is proven already or near enough for them. */
static enum sc_status add_marginals(struct attempt *best, const struct sc_plan_request *request, struct sc_error *err)
{
    static const double near_enough = 1e-3;
    struct sc_cancel part;
    struct sc_plan_request limited = *request;
    if (!best->solution->choices || best->solution->marginal || sc_cancelled(request->cancel))
        return SC_OK;
    sc_cancel_part(&part, request->cancel, best->solution->status == SC_SOLVED_OPTIMAL ? 0 : request->work_limit);
    limited.cancel = &part;
    enum sc_status status =
        solve_attempt(best, &limited, true, fmax(best->solution->gap, near_enough), 0, &best->marginals, err);
    return status == SC_CANCELLED || status == SC_TIMEOUT ? SC_OK : status;
}

static enum sc_status list_tries(struct sc_planner *planner, const struct sc_settings *settings, struct search *search,
                                 struct sc_error *err)
{
    struct sc_axes shapes[PLAN_MAX_SHAPES];
    int count = 0;
    bool remats = settings->remat == SC_REMAT_AUTO && settings->mode == SC_TRAIN;
    enum sc_status status = planner_submesh(planner, settings, &search->hosts, &search->devices, err);
    if (status == SC_OK)
        status = shapes_to_try(planner->cluster, settings, search->hosts * search->devices, shapes, &count, err);
    for (int i = 0; status == SC_OK && i < count; i++)
        for (int r = 0; r < (remats ? 2 : 1); r++) {
            bool layer = remats ? r == 1 : settings->remat == SC_REMAT_LAYER;
            search->tries[search->count++] = (struct try){
                .shape = shapes[i],
                .remat = layer ? SC_REMAT_LAYER : SC_REMAT_NONE,
                .applied = -1,
                .bound = -INFINITY,
            };
        }
    return status;
}

/* The one whose bound promises most; earlier ones first. NULL: none is open. */
static struct try *most_promising(struct search *search, const bool *done)
{
    struct try *first = NULL;
    for (int i = 0; i < search->count; i++)
        if (!done[i] && is_open(search, &search->tries[i]) && (!first || search->tries[i].bound < first->bound))
            first = &search->tries[i];
    return first;
}

/* Every shape, with and without rematerialisation when that is left open; the cheapest wins. A first round looks for a
 * good plan of each in little work; a second takes those to their proof that may be better than the best: with its
 * cost for a cutoff, most end at once. */
static enum sc_status search_plans(struct sc_planner *planner, const struct sc_plan_request *request,
                                   struct search *search, struct sc_error *err)
{
    static const double first_gap = 0.02;
    enum { FIRST_WORK = 200000 };
    double gap = request->settings->gap;
    bool done[2 * PLAN_MAX_SHAPES] = {false};
    uint64_t work = request->work_limit && request->work_limit < FIRST_WORK ? request->work_limit : FIRST_WORK;
    enum sc_status status = list_tries(planner, request->settings, search, err);
    bool twice = search->count > 1 && request->settings->solver == SC_SOLVER_EXACT;
    search->gap = gap;
    for (int i = 0; status == SC_OK && twice && i < search->count; i++)
        if (i == 0 || !sc_cancelled(request->cancel))
            status = run_try(planner, request, search, &search->tries[i], fmax(gap, first_gap),
                             share(request, search->count - i), work, err);
    while (status == SC_OK && (!search->best.solution || !sc_cancelled(request->cancel))) {
        struct try *try = most_promising(search, done);
        if (!try)
            break;
        int among = count_open(search);
        for (int i = 0; i < search->count; i++)
            among -= done[i] && is_open(search, &search->tries[i]);
        status = run_try(planner, request, search, try, gap, share(request, among), request->work_limit, err);
        done[try - search->tries] = true;
    }
    for (int i = 0; i < search->count; i++) /* those that obey fewer pins do not count */
        if (search->tries[i].applied < 0 || search->tries[i].applied >= search->best.pins.applied)
            search->bound = fmin(search->bound, search->tries[i].bound);
    return status == SC_OK && request->deltas ? add_marginals(&search->best, request, err) : status;
}

/* A plan that is best on its mesh is only the best of all when no other mesh could be better. */
static void widen_bound(struct sc_plan *plan, double bound, double seconds)
{
    plan->solve_s = seconds;
    if (bound < plan->bound_s)
        plan->bound_s = bound;
    if (plan->choice) {
        plan->gap = (plan->objective_s - plan->bound_s) / fmax(fabs(plan->objective_s), 1e-30);
        if (plan->status == SC_SOLVED_OPTIMAL && plan->bound_s < plan->objective_s - plan->solution->tolerance)
            plan->status = SC_SOLVED_FEASIBLE;
    }
    if (!plan->choice && plan->status == SC_SOLVED_INFEASIBLE && bound < INFINITY) /* another may have a plan */
        plan->status = SC_SOLVED_TIMEOUT;
}

struct plan_full *planner_new_plan(struct sc_error *err)
{
    struct plan_full *full = sc_alloc(sizeof *full);
    if (full) {
        full->references = 1;
        full->arena = sc_arena_new();
    }
    if (full && full->arena)
        return full;
    sc_free(full);
    sc_fail(err, SC_NO_MEMORY, "no memory for a plan");
    return NULL;
}

/* The whole model is the one stage; its plan is the plan itself. */
static enum sc_status one_stage(struct plan_full *full, struct sc_error *err)
{
    struct sc_plan *plan = &full->plan;
    struct sc_plan_stage *stage = sc_arena_calloc(full->arena, 1, sizeof *stage);
    double micro_s, once_s;
    if (!plan->choice)
        return SC_OK;
    if (!stage)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a plan");
    plan_stage_times(plan, &micro_s, &once_s);
    *stage = (struct sc_plan_stage){.last_layer = plan->graph->layer_count - 1,
                                    .hosts = plan->costs->mesh.hosts,
                                    .devices = plan->costs->mesh.devices,
                                    .in_flight = 1,
                                    .plan = plan,
                                    .microbatch_s = micro_s,
                                    .once_s = once_s,
                                    .stage_s = micro_s + once_s / plan->costs->options.microbatches};
    plan->stages = stage;
    plan->stage_count = 1;
    plan->chunks = 1;
    return SC_OK;
}

enum sc_status planner_make(struct sc_planner *planner, const struct sc_plan_request *request, struct sc_plan **out,
                            struct sc_error *err)
{
    double started = sc_now();
    struct search search = {.bound = INFINITY};
    struct plan_full *full = NULL;
    bool staged = request->settings->stages_max > 0;
    *out = NULL;
    enum sc_status status = refresh(planner, request->settings, err);
    if (status == SC_OK && !staged)
        status = search_plans(planner, request, &search, err);
    if (status == SC_OK && !(full = planner_new_plan(err)))
        status = SC_NO_MEMORY;
    if (status == SC_OK)
        status = staged ? hierarchy_make(planner, request, full, err)
                        : planner_fill(full, planner, &search.best, request, err);
    attempt_free(&search.best);
    if (status == SC_OK && staged && full->plan.status == SC_SOLVED_INFEASIBLE && !request->no_conflicts)
        status = plan_stage_conflict(planner, request, full, err);
    if (status != SC_OK) {
        sc_plan_free(full ? &full->plan : NULL);
        return status;
    }
    if (!staged) {
        widen_bound(&full->plan, search.bound, search.seconds);
        status = one_stage(full, err);
    }
    full->plan.total_s = sc_now() - started;
    *out = &full->plan;
    return status;
}

const struct sc_plan *sc_plan_of_op(const struct sc_plan *plan, int op)
{
    int stage = sc_plan_stage_of_op(plan, op);
    return plan->stage_count > 0 ? plan->stages[stage].plan : plan;
}

int sc_plan_stage_of_op(const struct sc_plan *plan, int op)
{
    int stage = 0;
    while (stage + 1 < plan->stage_count && plan->graph->ops[op].layer > plan->stages[stage].last_layer)
        stage++;
    return stage;
}

struct sc_plan *sc_plan_share(const struct sc_plan *plan)
{
    plan_full(plan)->references++;
    return &plan_full(plan)->plan;
}

void sc_plan_free(struct sc_plan *plan)
{
    struct plan_full *full = plan ? plan_full(plan) : NULL;
    if (!full || --full->references > 0)
        return;
    for (int i = 0; i < plan->stage_count; i++)
        if (plan->stages[i].plan != plan)
            sc_plan_free((struct sc_plan *)(uintptr_t)plan->stages[i].plan);
    sc_settings_free(&plan->settings);
    sc_graph_free((struct sc_graph *)(uintptr_t)plan->graph);
    sc_cluster_free((struct sc_cluster *)(uintptr_t)plan->cluster);
    sc_costs_free((struct sc_costs *)(uintptr_t)plan->costs);
    sc_problem_free(full->base);
    sc_problem_free(full->pinned);
    sc_solution_free((struct sc_solution *)(uintptr_t)plan->solution);
    sc_arena_free(full->arena);
    sc_free(full);
}
