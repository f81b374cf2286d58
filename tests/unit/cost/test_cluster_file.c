/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cluster files: presets read as what their sources say; broken files are refused with a sentence that names the place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/import.h"
#include "support/faults.h"
#include "support/near.h"

#define CLUSTERS TEST_SOURCE_DIR "/samples/clusters"
#define BAD      TEST_SOURCE_DIR "/tests/bad-clusters"

static struct sc_cluster *load(const char *name)
{
    struct sc_cluster *cluster = NULL;
    struct sc_error err = {0};
    if (sc_import_cluster(name, CLUSTERS, &cluster, &err) != SC_OK)
        fail_msg("%s: %s", name, err.message);
    return cluster;
}

static void reads_p3_as_alpa_describes_it(void **state)
{
    (void)state;
    struct sc_cluster *c = load("p3.16xlarge");
    assert_string_equal(c->name, "p3.16xlarge");
    assert_int_equal(c->hosts, 1);
    assert_int_equal(c->devices_per_host, 8);
    assert_near(c->device.peak[SC_DTYPE_FP16], 125e12);
    assert_near(c->device.peak[SC_DTYPE_FP32], 15.7e12);
    assert_near(c->device.peak[SC_DTYPE_BF16], 0);
    assert_near(c->device.memory_bytes, 16.0 * 1024 * 1024 * 1024);
    assert_near(c->device.memory_bandwidth, 900e9);
    assert_near(c->device.launch_s, 3e-6);
    assert_near(c->inside.beta_s, 1 / (150e9 * 0.87));
    assert_near(c->between.beta_s, 1 / (25e9 / 8 * 0.9));
    assert_true(c->between.shared);
    assert_false(c->inside.shared);
    assert_int_equal(c->formulas, SC_FORMULAS_NATIVE);
    sc_cluster_free(c);
}

static void extending_changes_what_is_named_and_keeps_the_rest(void **state)
{
    (void)state;
    struct sc_cluster *base = load("a100-80"), *c = load("a100-40");
    assert_near(c->device.memory_bytes, base->device.memory_bytes / 2);
    assert_near(c->device.memory_bandwidth, 1555e9);
    assert_near(c->device.peak[SC_DTYPE_BF16], base->device.peak[SC_DTYPE_BF16]);
    assert_near(c->inside.beta_s, base->inside.beta_s);
    assert_string_equal(c->device.name, "A100-SXM4-40GB");
    assert_true(c->hash != base->hash);
    sc_cluster_free(base);
    sc_cluster_free(c);
}

static void efficiency_grows_with_the_product(void **state)
{
    (void)state;
    struct sc_cluster *c = load("a100-80"), *toy = load("toy-1x4");
    assert_near(sc_device_efficiency(&c->device, 1e6), 0.09);
    assert_near(sc_device_efficiency(&c->device, 1e9), 0.55);
    assert_near(sc_device_efficiency(&c->device, 4e9), sqrt(0.55 * 0.82)); /* half way from 1 to 16 */
    assert_near(sc_device_efficiency(&c->device, 1e12), 0.869);
    assert_near(sc_device_efficiency(&toy->device, 1), 1);
    for (double flops = 1e6; flops < 1e13; flops *= 1.1) /* more work never takes less time */
        assert_true(1.1 * flops / sc_device_efficiency(&c->device, 1.1 * flops) >
                    flops / sc_device_efficiency(&c->device, flops));
    sc_cluster_free(c);
    sc_cluster_free(toy);
}

static void a_colon_sets_the_number_of_hosts(void **state)
{
    (void)state;
    struct sc_cluster *one = load("p3.16xlarge"), *four = load("p3.16xlarge:4"), *path = load(CLUSTERS "/h100.json:2");
    assert_int_equal(four->hosts, 4);
    assert_string_equal(four->name, "p3.16xlarge:4");
    assert_true(four->hash != one->hash);
    assert_int_equal(path->hosts, 2);
    assert_int_equal(path->measured_count, 4);
    struct sc_cluster *none = NULL;
    struct sc_error err = {0};
    assert_int_equal(sc_import_cluster("p3.16xlarge:0", CLUSTERS, &none, &err), SC_USAGE);
    assert_int_equal(sc_import_cluster("p3.16xlarge:4x", CLUSTERS, &none, &err), SC_USAGE);
    err = (struct sc_error){0};
    assert_int_equal(sc_import_cluster("toy-1x4:2", CLUSTERS, &none, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "links.between.gbs"));
    assert_null(none);
    sc_cluster_free(one);
    sc_cluster_free(four);
    sc_cluster_free(path);
}

static void an_unknown_preset_names_the_nearest_or_all(void **state)
{
    (void)state;
    struct sc_cluster *c = NULL;
    struct sc_error err = {0};
    assert_int_equal(sc_import_cluster("p3.16xlrge", CLUSTERS, &c, &err), SC_NOT_FOUND);
    assert_non_null(strstr(err.message, "p3.16xlarge"));
    err = (struct sc_error){0};
    assert_int_equal(sc_import_cluster("my own machine", CLUSTERS, &c, &err), SC_NOT_FOUND);
    assert_non_null(strstr(err.message, "toy-2x2"));
    assert_int_equal(sc_import_cluster("no/such/file.json", CLUSTERS, &c, &err), SC_NOT_FOUND);
    assert_int_equal(sc_import_cluster("h100", NULL, &c, &err), SC_NOT_FOUND);
    assert_int_equal(sc_import_cluster("", CLUSTERS, &c, &err), SC_NOT_FOUND);
    assert_null(c);
}

static void every_preset_loads(void **state)
{
    (void)state;
    static const char *const names[] = {"toy-1x4",  "toy-2x2", "p3.16xlarge", "p3.16xlarge:2", "p3.16xlarge:8",
                                        "a100-40",  "a100-80", "a100-80:8",   "h100",          "h100:8",
                                        "h200",     "b200",    "alpa-4x1",    "alpa-1x4",      "alpa-4x8",
                                        "alpa-8x4", "alpa-3x4"};
    for (size_t i = 0; i < SC_LEN(names); i++) {
        struct sc_cluster *c = load(names[i]), *other = sc_cluster_share(c);
        assert_true(other == c);
        sc_cluster_free(other);
        sc_cluster_free(c);
    }
}

static void the_playground_has_its_own_units_and_mesh(void **state)
{
    (void)state;
    struct sc_cluster *c = load("alpa-3x4");
    assert_int_equal(c->formulas, SC_FORMULAS_ALPA_PLAYGROUND);
    assert_int_equal(c->axis_count, 2);
    assert_near(c->axis_beta[1], 0.01);
    assert_int_equal(c->logical.count, 2);
    assert_int_equal(c->logical.size[0], 3);
    assert_int_equal(c->logical.size[1], 4);
    sc_cluster_free(c);
}

/* ---- broken files ---------------------------------------------------------------------------------- */

/* What the message has to say, and where; line 0: any. */
static const struct {
    const char *file, *says;
    int line;
} bad[] = {
    {"empty", "", 0},
    {"truncated", "", 0},
    {"trailing-text", "", 0},
    {"array-root", "object", 1},
    {"version-missing", "stagecut", 0},
    {"version-newer", "newer", 2},
    {"unknown-key", "hosts", 0},
    {"unknown-device-key", "memory_gib", 0},
    {"unknown-dtype", "fp", 0},
    {"duplicate-key", "name", 1},
    {"hosts-zero", "1", 5},
    {"hosts-fraction", "", 5},
    {"hosts-huge", "", 5},
    {"devices-text", "", 6},
    {"efficiency-above-one", "1", 14},
    {"efficiency-not-increasing", "increase", 0},
    {"efficiency-triple", "pair", 0},
    {"efficiency-empty", "pairs", 0},
    {"efficiency-too-steep", "less time", 0},
    {"efficiency-pair-above-one", "fraction of peak", 0},
    {"efficiency-text", "a fraction, or", 0},
    {"memory-negative", "", 15},
    {"number-overflows", "", 1},
    {"device-not-object", "object", 7},
    {"link-missing", "links.inside.gbs", 1},
    {"between-missing", "links.between.gbs", 1},
    {"inside-shared", "between hosts", 24},
    {"peaks-missing", "device.peak_tflops", 1},
    {"formulas-unknown", "alpa-playground", 26},
    {"axes-too-many", "at most 3", 26},
    {"axis-without-beta", "beta", 27},
    {"mesh-not-a-shape", "2x4", 26},
    {"mesh-wrong-size", "8 devices, the cluster 4", 26},
    {"extends-nothing", "no-such-preset", 26},
    {"extends-itself", "circle", 26},
    {"extends-circle-a", "circle", 26},
    {"extends-circle-b", "circle", 26},
    {"measured-lengths-differ", "as many seconds as bytes", 0},
    {"measured-not-increasing", "increase", 32},
    {"measured-zero-seconds", "positive", 35},
    {"measured-empty", "one to", 30},
    {"measured-unknown-collective", "all_reduce", 28},
    {"measured-slice", "slice", 28},
    {"measured-uneven-hosts", "evenly", 38},
    {"measured-twice", "second table", 39},
    {"measured-not-object", "object", 27},
    {"nul-byte", "", 0},
    {"deep", "", 0},
};

static void broken_files_are_refused_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(bad); i++) {
        char path[512], text[1400];
        snprintf(path, sizeof path, BAD "/%s.json", bad[i].file);
        struct sc_cluster *c = NULL;
        struct sc_error err = {0};
        if (sc_import_cluster(path, CLUSTERS, &c, &err) == SC_OK)
            fail_msg("%s was accepted", bad[i].file);
        sc_error_format(&err, text, sizeof text);
        assert_null(c);
        if (err.line == 0 || err.message[0] == '\0' || strstr(err.file, "/bad-clusters/") == NULL ||
            strstr(err.message, bad[i].says) == NULL || (bad[i].line != 0 && bad[i].line != err.line))
            fail_msg("%s: wants line %d and \"%s\": %s", bad[i].file, bad[i].line, bad[i].says, text);
    }
}

static void every_broken_file_is_tested(void **state)
{
    (void)state;
    DIR *dir = opendir(BAD);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char *end = strstr(entry->d_name, ".json");
        if (end == NULL)
            continue;
        *end = '\0';
        bool found = false;
        for (size_t i = 0; i < SC_LEN(bad); i++)
            found = found || strcmp(bad[i].file, entry->d_name) == 0;
        if (!found)
            fail_msg("%s.json has no row in this test", entry->d_name);
    }
    closedir(dir);
}

/* ---- memory ---------------------------------------------------------------------------------------- */

static void survives_running_out_of_memory_anywhere(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct sc_cluster *c = NULL;
        struct sc_error err = {0};
        faults_begin();
        faults_from(n);
        enum sc_status status = sc_import_cluster("h200:4", CLUSTERS, &c, &err);
        sc_cluster_free(c);
        faults_end();
        if (status == SC_OK) {
            assert_true(n > 10);
            return;
        }
        assert_null(c);
        assert_int_equal(status, SC_NO_MEMORY);
        assert_true(err.message[0] != '\0');
        assert_true(n < 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_p3_as_alpa_describes_it),
        cmocka_unit_test(extending_changes_what_is_named_and_keeps_the_rest),
        cmocka_unit_test(efficiency_grows_with_the_product),
        cmocka_unit_test(a_colon_sets_the_number_of_hosts),
        cmocka_unit_test(an_unknown_preset_names_the_nearest_or_all),
        cmocka_unit_test(every_preset_loads),
        cmocka_unit_test(the_playground_has_its_own_units_and_mesh),
        cmocka_unit_test(broken_files_are_refused_with_their_place),
        cmocka_unit_test(every_broken_file_is_tested),
        cmocka_unit_test(survives_running_out_of_memory_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
