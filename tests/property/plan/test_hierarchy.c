/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pipeline stages of small random models against brute force: every way to cut the layers, to give the runs submeshes
 * in order, and to see these as logical meshes; each stage solved as a problem of its own. Memory binds in half of
 * them. And the same edits one after the other, and each from nothing, end at the same objective to the last bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/import.h"
#include "plan/plan.h"

static struct sc_loader loader;

static void set(struct sc_settings *s, const char *name, const char *format, ...)
{
    char value[128];
    struct sc_error err = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    if (sc_settings_set(s, name, value, &err) != SC_OK)
        fail_msg("%s %s: %s", name, value, err.message);
}

static struct sc_plan *make(struct sc_planner *planner, const struct sc_settings *settings)
{
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    struct sc_plan_request request = {.settings = settings};
    if (sc_planner_make(planner, &request, &plan, &err) != SC_OK)
        fail_msg("%s", err.message);
    return plan;
}

/* ---- brute force ---- */

struct brute {
    struct sc_graph *graph;
    struct sc_cluster *cluster;
    const struct sc_settings *settings;
    double memory; /* bytes; 0: the device's */
    int layers, devices, host, microbatches, chunks;
    double known[8][8][3][16]; /* first, last, submesh, in flight: objective of the stage; 0: not yet known */
    double times[8];           /* of the stages under way */
    double best;
    int objective;
};

static const int submesh_devices[] = {1, 2, 4};

/* The best of all logical meshes. */
static double stage_cost(struct brute *b, int first, int last, int submesh, int in_flight)
{
    double *known = &b->known[first][last][submesh][in_flight];
    if (*known != 0)
        return *known;
    int devices = submesh_devices[submesh], hosts = devices > b->host ? devices / b->host : 1, count;
    struct sc_axes shapes[16];
    struct sc_error err = {0};
    *known = INFINITY;
    count = sc_mesh_shapes(devices, 2, shapes, 16);
    for (int i = 0; i < count; i++) {
        struct sc_cost_options options = SC_COST_OPTIONS_INIT;
        struct sc_mesh mesh;
        struct sc_costs *whole = NULL, *costs = NULL;
        struct sc_problem *problem = NULL;
        struct sc_solution *solution = NULL;
        struct sc_solve_options how = SC_SOLVE_OPTIONS_INIT;
        options.cuttable = true;
        options.chunks = b->chunks;
        options.microbatches = b->microbatches;
        options.memory_bytes = b->memory;
        options.shard_state = !b->settings->no_shard_state;
        options.remat = b->settings->remat;
        if (sc_mesh_make(b->cluster, hosts, devices / hosts, &shapes[i], SC_FORMULAS_NATIVE, &mesh, &err) != SC_OK ||
            sc_costs_new(b->graph, &mesh, &options, NULL, &whole, &err) != SC_OK ||
            sc_costs_cut(whole, first, last, in_flight, &costs, &err) != SC_OK ||
            sc_plan_problem(costs, &problem, &err) != SC_OK || sc_solve(problem, &how, &solution, &err) != SC_OK ||
            !solution)
            fail_msg("%s", err.message);
        assert_true(solution->status == SC_SOLVED_OPTIMAL || solution->status == SC_SOLVED_INFEASIBLE);
        *known = fmin(*known, solution->cost);
        sc_solution_free(solution);
        sc_problem_free(problem);
        sc_costs_free(costs);
        sc_costs_free(whole);
    }
    return *known;
}

static double border_cost(struct brute *b, int first, int last, int submesh, int begin, int end)
{
    int devices = submesh_devices[submesh], hosts = devices > b->host ? devices / b->host : 1;
    struct sc_axes shape = {1, {devices}};
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct sc_error err = {0};
    struct sc_mesh mesh;
    struct sc_costs *whole = NULL;
    options.cuttable = true;
    if (sc_mesh_make(b->cluster, hosts, devices / hosts, &shape, SC_FORMULAS_NATIVE, &mesh, &err) != SC_OK ||
        sc_costs_new(b->graph, &mesh, &options, NULL, &whole, &err) != SC_OK)
        fail_msg("%s", err.message);
    struct sc_transfer t = sc_costs_transfer(whole, first, last, begin % b->host == 0, end % b->host == 0);
    sc_costs_free(whole);
    int times = first == 0 || last == b->layers - 1 ? 2 * b->chunks - 1 : b->chunks;
    return (t.in_forward_s + t.in_backward_s + t.out_forward_s + t.out_backward_s) * times * b->microbatches;
}

struct piece {
    int first, last, submesh, begin;
};

static void price(struct brute *b, const struct piece *pieces, int count)
{
    double sum = 0, longest = 0, share = 1.0 / b->chunks;
    if (count < b->settings->stages_min || count > b->settings->stages_max ||
        sc_schedule_check(b->settings->schedule, count, b->microbatches, b->chunks, NULL) != SC_OK)
        return;
    for (int i = 0; i < count; i++) {
        double held = sc_schedule_in_flight(b->settings->schedule, count, b->microbatches, b->chunks, i);
        int flight = (int)(held * b->chunks + 0.5);
        const struct piece *p = &pieces[i];
        if (count > 1 && p->last - p->first + 1 < b->chunks)
            return;
        double t = stage_cost(b, p->first, p->last, p->submesh, flight);
        if (isinf(t))
            return;
        t += border_cost(b, p->first, p->last, p->submesh, p->begin, p->begin + submesh_devices[p->submesh]);
        sum += t;
        longest = fmax(longest, t);
    }
    double value = b->objective == SC_OBJECTIVE_SUM          ? sum
                   : b->objective == SC_OBJECTIVE_THROUGHPUT ? longest
                                                             : share * sum + (b->microbatches - share) * longest;
    b->best = fmin(b->best, value / b->microbatches);
}

static void enumerate(struct brute *b, struct piece *pieces, int count, int layer, int device)
{
    if (layer == b->layers) {
        if (device == b->devices)
            price(b, pieces, count);
        return;
    }
    for (int m = 0; m < 3; m++) {
        int n = submesh_devices[m];
        bool lies = n < b->host ? device % b->host + n <= b->host : device % b->host == 0 && n % b->host == 0;
        if (!lies || device + n > b->devices)
            continue;
        for (int last = layer; last < b->layers; last++) {
            pieces[count] = (struct piece){layer, last, m, device};
            enumerate(b, pieces, count + 1, last + 1, device + n);
        }
    }
}

static void random_settings(uint64_t *seed, struct sc_settings *s)
{
    static const char *const objectives[] = {"pipeline", "pipeline", "sum", "throughput"};
    static const char *const schedules[] = {"1f1b", "1f1b", "gpipe", "interleaved"};
    sc_settings_init(s);
    sc_settings_set_model(s, TEST_SOURCE_DIR "/samples/models/mlp-12.json");
    set(s, "cluster", "%s", sc_random_below(seed, 2) ? "toy-2x2" : "toy-1x4");
    set(s, "set", "layers=%d", 2 + (int)sc_random_below(seed, 3));
    set(s, "set", "hidden=%d", 64 << sc_random_below(seed, 4));
    int microbatches = 1 + (int)sc_random_below(seed, 4);
    set(s, "microbatches", "%d", microbatches);
    set(s, "batch", "%d", microbatches * (16 << sc_random_below(seed, 5)));
    set(s, "stages", "%s", sc_random_below(seed, 2) ? "auto" : "2-4");
    set(s, "objective", "%s", objectives[sc_random_below(seed, 4)]);
    set(s, "schedule", "%s", schedules[sc_random_below(seed, 4)]);
    if (sc_random_below(seed, 3) == 0)
        set(s, "no-shard-state", "on");
    if (sc_random_below(seed, 3) == 0)
        set(s, "remat", "layer");
}

static void equals_brute_force(void **state)
{
    (void)state;
    uint64_t seed = 5;
    int plans = 0, none = 0, staged = 0;
    for (int instance = 0; instance < 100; instance++) {
        struct sc_settings settings;
        struct sc_error err = {0};
        random_settings(&seed, &settings);
        struct sc_planner *planner = sc_planner_new(&loader);
        struct sc_plan *plan = make(planner, &settings);
        if (plan->choice && instance % 2) { /* less memory than that takes */
            double memory = plan->peak_bytes * (0.4 + 0.5 * sc_random_unit(&seed)) / 0x1p30;
            sc_plan_free(plan);
            set(&settings, "memory", "%.9g", fmax(memory, 1e-6));
            plan = make(planner, &settings);
        }
        struct brute *b = calloc(1, sizeof *b);
        assert_int_equal(sc_planner_load(planner, &settings, &b->graph, &b->cluster, &err), SC_OK);
        b->settings = &settings;
        b->memory = settings.memory_gib * 0x1p30;
        b->layers = b->graph->layer_count;
        b->host = b->cluster->devices_per_host;
        b->devices = b->cluster->hosts * b->host;
        b->microbatches = (int)b->graph->microbatches;
        b->objective = (int)settings.objective;
        b->chunks = settings.schedule == SC_SCHEDULE_INTERLEAVED ? 2 : 1;
        b->best = INFINITY;
        struct piece pieces[8];
        enumerate(b, pieces, 0, 0, 0);
        double found = plan->choice ? plan->objective_s : INFINITY;
        if (!(found == b->best || fabs(found - b->best) <= 1e-12 * b->best))
            fail_msg("instance %d: %.17g s, brute force finds %.17g s", instance, found, b->best);
        if (plan->choice ? plan->status != SC_SOLVED_OPTIMAL : plan->status != SC_SOLVED_INFEASIBLE)
            fail_msg("instance %d: %s", instance, sc_solve_status_name(plan->status));
        plans += plan->choice != NULL;
        none += plan->choice == NULL;
        staged += plan->stage_count > 1;
        sc_graph_free(b->graph);
        sc_cluster_free(b->cluster);
        free(b);
        sc_plan_free(plan);
        sc_planner_free(planner);
        sc_settings_free(&settings);
    }
    print_message("%d plans, of which %d with several stages; %d without\n", plans, staged, none);
    assert_true(plans >= 40 && staged >= 20);
}

/* ---- edits ---- */

static void edit(uint64_t *seed, struct sc_settings *s)
{
    static const char *const pins[] = {"b@x", "h@x", "f@x", "b@y", "(none)"};
    switch (sc_random_below(seed, 6)) {
    case 0:
        set(s, "pin", "layer.%d.fc=%s", (int)sc_random_below(seed, 4), pins[sc_random_below(seed, 5)]);
        break;
    case 1:
        set(s, "cut", "%d", 1 + (int)sc_random_below(seed, 3));
        break;
    case 2:
        set(s, "no-cut", "%d", 1 + (int)sc_random_below(seed, 3));
        break;
    case 3:
        set(s, "memory", "%.9g", 0.0005 + 0.05 * sc_random_unit(seed));
        break;
    case 4:
        set(s, "objective", "%s", sc_random_below(seed, 2) ? "sum" : "pipeline");
        break;
    default:
        set(s, "microbatches", "%d", 1 << sc_random_below(seed, 3));
    }
}

static void edits_end_where_nothing_would(void **state)
{
    (void)state;
    uint64_t seed = 8;
    int plans = 0;
    for (int sequence = 0; sequence < 500; sequence++) {
        struct sc_settings settings;
        random_settings(&seed, &settings);
        set(&settings, "set", "layers=4");
        set(&settings, "microbatches", "2");
        set(&settings, "batch", "128");
        struct sc_planner *planner = sc_planner_new(&loader);
        for (int i = 0; i < 5; i++) {
            edit(&seed, &settings);
            struct sc_plan *plan = make(planner, &settings);
            if (i == 4) {
                struct sc_planner *fresh = sc_planner_new(&loader);
                struct sc_plan *again = make(fresh, &settings);
                if (plan->status != again->status || plan->objective_s != again->objective_s)
                    fail_msg("sequence %d: %s %.17g s after edits, %s %.17g s from nothing", sequence,
                             sc_solve_status_name(plan->status), plan->objective_s, sc_solve_status_name(again->status),
                             again->objective_s);
                plans += plan->choice != NULL;
                sc_plan_free(again);
                sc_planner_free(fresh);
            }
            sc_plan_free(plan);
        }
        sc_planner_free(planner);
        sc_settings_free(&settings);
    }
    print_message("%d sequences ended with a plan\n", plans);
    assert_true(plans > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_brute_force),
        cmocka_unit_test(edits_end_where_nothing_would),
    };
    loader = sc_import_loader();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
