/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Plans that were stopped early: their bounds, and the bounds of their differences, hold against the proven plan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "import/import.h"
#include "plan/plan.h"

static struct sc_plan *make(const struct sc_settings *settings, uint64_t work_limit)
{
    struct sc_loader loader = sc_import_loader();
    struct sc_planner *planner = sc_planner_new(&loader); /* a new one: nothing to start from */
    struct sc_plan_request request = {.settings = settings, .deltas = true, .work_limit = work_limit};
    struct sc_plan *plan = NULL;
    struct sc_error err = {0};
    if (sc_planner_make(planner, &request, &plan, &err) != SC_OK)
        fail_msg("%s", err.message);
    sc_planner_free(planner);
    return plan;
}

/* Of every node: objective + Δ is no more than the best plan in which the choice is forced. */
static int check_bounds(const struct sc_plan *early, const struct sc_plan *proven)
{
    int below = 0;
    for (int n = 0; n < proven->costs->node_count; n++)
        for (int c = 0; c < proven->costs->nodes[n].set->count; c++) {
            double least = early->objective_s + early->delta[n][c];
            assert_false(early->delta_exact[n]);
            if (c == early->choice[n])
                assert_true(early->delta[n][c] == 0);
            else if (c == proven->choice[n])
                assert_true(least <= proven->objective_s * (1 + 1e-12));
            below += early->delta[n][c] < 0;
        }
    return below;
}

/* The same by solving with each choice forced, as far as a little work goes. */
static int check_node(const struct sc_plan *early, const struct sc_plan *proven, int node)
{
    int choices = proven->costs->nodes[node].set->count, checked = 0;
    double delta[256];
    bool exact[256];
    struct sc_cancel cancel;
    sc_cancel_init(&cancel, 0, 500000);
    assert_true(choices <= 256);
    assert_int_equal(sc_plan_exact_delta(proven, node, delta, exact, &cancel, NULL), SC_OK);
    for (int c = 0; c < choices; c++)
        if (exact[c] && c != early->choice[node]) {
            assert_true(early->objective_s + early->delta[node][c] <= (proven->objective_s + delta[c]) * (1 + 1e-12));
            checked++;
        }
    return checked;
}

static void bounds_hold(void **state)
{
    (void)state;
    static const uint64_t limits[] = {300, 600, 1000, 2000, 30000};
    struct sc_settings settings;
    int unproven = 0, below = 0, checked = 0;
    sc_settings_init(&settings);
    assert_true(sc_settings_set_model(&settings, "gpt-125m"));
    assert_int_equal(sc_settings_set(&settings, "set", "layers=3", NULL), SC_OK);
    assert_int_equal(sc_settings_set(&settings, "mesh", "2x4", NULL), SC_OK);
    assert_int_equal(sc_settings_set(&settings, "remat", "none", NULL), SC_OK);
    struct sc_plan *proven = make(&settings, 0);
    double peak = proven->peak_bytes; /* without a limit that binds */
    for (int part = 84; part < 100 && settings.memory_gib == 0; part += 2) {
        settings.memory_gib = 0.01 * part * peak / 0x1p30;
        sc_plan_free(proven);
        proven = make(&settings, 300000); /* a limit that is proven soon will do */
        if (proven->status != SC_SOLVED_OPTIMAL)
            settings.memory_gib = 0;
    }
    assert_true(settings.memory_gib > 0);
    for (size_t i = 0; i < SC_LEN(limits); i++) {
        struct sc_plan *early = make(&settings, limits[i]);
        if (early->choice) {
            assert_true(early->objective_s >= proven->objective_s && early->bound_s <= proven->objective_s);
            assert_true(early->status == SC_SOLVED_OPTIMAL || early->gap > 0);
        }
        if (early->status == SC_SOLVED_FEASIBLE && early->delta) {
            unproven++;
            below += check_bounds(early, proven);
            for (int n = 0; n < proven->costs->node_count; n += 29)
                checked += check_node(early, proven, n);
        }
        sc_plan_free(early);
    }
    print_message("%d plans not proven; %d choices that may be better; %d checked by solving\n", unproven, below,
                  checked);
    assert_true(unproven > 0 && below > 0 && checked > 0);
    sc_plan_free(proven);
    sc_settings_free(&settings);
}

/* Near enough is near enough for the differences too. */
static void gaps_are_enough(void **state)
{
    (void)state;
    struct sc_settings settings;
    sc_settings_init(&settings);
    assert_true(sc_settings_set_model(&settings, "mlp-2"));
    settings.gap = 0.5;
    struct sc_plan *plan = make(&settings, 0);
    assert_non_null(plan->choice);
    assert_true(plan->gap <= 0.5);
    assert_non_null(plan->delta);
    sc_plan_free(plan);
    sc_settings_free(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bounds_hold), cmocka_unit_test(gaps_are_enough)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
