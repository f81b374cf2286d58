/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Broken model files: each a clear error in under a second, none a crash. The files and what has to be said about them
 * are in tests/bad-models; cases too large to keep are made here.
 */
#include "files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Import and say what happened, as the program would print it; fails the test when it takes more than a second. */
static enum sc_status try_import(const char *path, char message[2048])
{
    struct sc_graph *graph = NULL;
    struct sc_error err = {0};
    clock_t start = clock();
    enum sc_status status = sc_import_model(path, NULL, &graph, &err);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    sc_graph_free(graph);
    message[0] = '\0';
    if (status != SC_OK)
        sc_error_format(&err, message, 2048);
    if (seconds > 1)
        fail_msg("%s took %.1f s: %s", path, seconds, message);
    assert_true((status == SC_OK) == (graph != NULL));
    assert_true(status == SC_OK || (message[0] && strlen(message) < 1400));
    return status;
}

static void every_broken_file_gets_its_message(void **state)
{
    (void)state;
    char line[4096], message[2048], path[4200];
    size_t lines = 0, files = 0;
    assert_int_equal(chdir(TEST_SOURCE_DIR "/tests/bad-models"), 0);
    FILE *expected = fopen("expected.txt", "r");
    assert_non_null(expected);
    while (fgets(line, sizeof line, expected)) {
        char *wanted = strstr(line, " | ");
        assert_non_null(wanted);
        *wanted = '\0';
        wanted += 3;
        wanted[strcspn(wanted, "\n")] = '\0';
        snprintf(path, sizeof path, "%s.json", line);
        enum sc_status status = try_import(path, message);
        if (status != SC_INPUT && status != SC_LIMIT)
            fail_msg("%s: status %s", path, sc_status_name(status));
        if (strcmp(message, wanted) != 0)
            fail_msg("%s says\n  %s\ninstead of\n  %s", path, message, wanted);
        lines++;
    }
    fclose(expected);
    DIR *dir = opendir(".");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        files += strstr(entry->d_name, ".json") != NULL;
    closedir(dir);
    assert_int_equal(lines, files);
    assert_true(lines >= 60);
}

/* Write `text` to a file, import it, expect a part of the message. */
static void expect(const char *name, const struct sc_str *text, const char *part)
{
    char message[2048];
    assert_false(text->failed);
    try_import(files_write(name, sc_str_text(text), text->length), message);
    if (!strstr(message, part))
        fail_msg("%s says \"%s\", without \"%s\"", name, message, part);
}

static void repeat_text(struct sc_str *text, const char *piece, size_t times)
{
    for (size_t i = 0; i < times; i++)
        sc_str_add(text, piece);
}

static const char *const head = "{\"stagecut\": 1, \"body\": [{\"input\": \"x\", \"shape\": [4]}";

static void a_million_ops_are_refused(void **state)
{
    (void)state;
    struct sc_str text = {0};
    sc_str_add(&text, head);
    repeat_text(&text, ", {\"op\": \"y\", \"kind\": \"relu\", \"in\": \"x\"}", 1000000);
    sc_str_add(&text, "], \"outputs\": [\"y\"]}");
    expect("million.json", &text, "larger than");
    sc_str_clear(&text); /* as many as a file can hold */
    sc_str_add(&text, head);
    while (text.length < (4u << 20) - 100)
        sc_str_addf(&text, ",{\"op\":\"y%zu\",\"kind\":\"relu\",\"in\":\"x\"}", text.length);
    sc_str_add(&text, "],\"outputs\":[\"x\"]}");
    char message[2048]; /* whatever it says, it does so in time */
    try_import(files_write("full.json", sc_str_text(&text), text.length), message);
    sc_str_free(&text);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    struct sc_str text = {0};
    static const char *const pieces[] = {"[", "{\"a\":", "{\"stagecut\": 1, \"body\": [{\"group\": \"g\", \"body\": "};
    for (size_t k = 0; k < SC_LEN(pieces); k++) {
        sc_str_clear(&text);
        repeat_text(&text, pieces[k], 50000);
        expect("deep.json", &text, "nested deeper than");
    }
    sc_str_clear(&text);
    sc_str_add(&text, head);
    repeat_text(&text, ", {\"group\": \"g\", \"body\": [{\"op\": \"a\", \"kind\": \"relu\", \"in\": \"x\"}", 60);
    repeat_text(&text, "]}", 60);
    sc_str_add(&text, "], \"outputs\": [\"g\"]}");
    expect("groups.json", &text, "groups nested deeper than 32");
    sc_str_free(&text);
}

static void long_things_are_refused_or_read(void **state)
{
    (void)state;
    struct sc_str text = {0}, name = {0};
    repeat_text(&name, "abcdefgh", 125000);
    sc_str_addf(&text, "%s, {\"op\": \"%s\", \"kind\": \"relu\", \"in\": \"x\"}], \"outputs\": [\"x\"]}", head,
                sc_str_text(&name));
    expect("name.json", &text, "a name of more than 1000 bytes");
    sc_str_clear(&text);
    sc_str_addf(&text, "%s, {\"op\": \"y\", \"kind\": \"%s\", \"in\": \"x\"}], \"outputs\": [\"x\"]}", head,
                sc_str_text(&name));
    expect("kind.json", &text, "unknown kind");
    sc_str_clear(&text);
    sc_str_addf(&text, "%s, {\"op\": \"y\", \"rule\": \"%s -> x\", \"in\": \"x\"}], \"outputs\": [\"x\"]}", head,
                sc_str_text(&name));
    expect("rule.json", &text, "a rule of more than 1000 bytes");
    sc_str_clear(&text);
    sc_str_addf(&text, "%s, {\"op\": \"y\", \"kind\": \"relu\", \"in\": \"%s\"}], \"outputs\": [\"x\"]}", head,
                sc_str_text(&name));
    expect("reference.json", &text, "a name of more than 1000 bytes");
    sc_str_clear(&text);
    sc_str_addf(&text, "{\"stagecut\": 1, \"parameters\": {\"a\": \"%s\"}, \"body\": [], \"outputs\": []}",
                sc_str_text(&name));
    expect("expression.json", &text, "an expression of more than 1000 characters");
    sc_str_clear(&text);
    sc_str_addf(&text, "{\"stagecut\": 1, \"extends\": \"%s\"}", sc_str_text(&name));
    expect("extends.json", &text, "cannot read");
    sc_str_clear(&text);
    sc_str_add(&text, "{\"stagecut\": 1, \"parameters\": {");
    for (int i = 0; i < 20000; i++)
        sc_str_addf(&text, "%s\"p%d\": %d", i ? ", " : "", i, i);
    sc_str_add(&text, "}, \"body\": [], \"outputs\": []}");
    expect("parameters.json", &text, "more than 256 parameters");
    sc_str_clear(&text);
    sc_str_add(&text, "{\"stagecut\": 1, \"parameters\": {\"a\": [1");
    repeat_text(&text, ", 1", 100000);
    sc_str_add(&text, "]}, \"body\": [], \"outputs\": []}");
    expect("list.json", &text, "a list of 100001; the most is 1024");
    sc_str_clear(&text);
    sc_str_addf(&text, "%s, {\"op\": \"y\", \"kind\": \"add\", \"in\": [\"x\"", head);
    repeat_text(&text, ", \"x\"", 100000);
    sc_str_add(&text, "]}], \"outputs\": [\"y\"]}");
    expect("operands.json", &text, "more than 16 operands");
    sc_str_free(&text);
    sc_str_free(&name);
}

/* What a file can repeat is counted, so that a small file cannot ask for much work. */
static void multiplied_work_is_refused(void **state)
{
    (void)state;
    struct sc_str text = {0};
    static const char *const costs[] = {
        "\"in\": [\"x\"%s]",
        "\"in\": \"x\", \"when\": \"1%s\"",
        "\"in\": \"x\", \"weights\": {\"w\": [4]%s}",
    };
    static const char *const pieces[] = {", {\"from\": \"x\", \"when\": false}", "+1", ", \"w%zu\": [\"4\"]"};
    static const char *const kinds[] = {"relu", "relu", "add"};
    static const size_t times[] = {1000, 400, 10};
    for (size_t k = 0; k < SC_LEN(costs); k++) {
        sc_str_clear(&text);
        sc_str_addf(&text,
                    "%s, {\"group\": \"y\", \"repeat\": 90000, \"in\": {\"x\": \"x\"}, \"body\": [{\"op\": \"a\", "
                    "\"kind\": \"%s\", ",
                    head, kinds[k]);
        sc_str_addn(&text, costs[k], strcspn(costs[k], "%"));
        for (size_t i = 0; i < times[k]; i++)
            sc_str_addf(&text, pieces[k], i);
        sc_str_addf(&text, "%s}]}], \"outputs\": [\"y\"]}", strchr(costs[k], '%') + 2);
        expect("work.json", &text, k == 1 ? "steps" : "more than");
    }
    sc_str_free(&text);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    char message[2048];
    assert_int_equal(try_import(files_path("missing.json"), message), SC_IO);
    assert_non_null(strstr(message, "missing.json"));
    assert_int_equal(try_import(files_path("."), message), SC_IO);
    assert_int_equal(try_import("", message), SC_IO);
    const char *gzip = files_write("short.json.gz", "\x1f\x8b\x08\x00\x00\x00", 6);
    assert_int_not_equal(try_import(gzip, message), SC_OK);
}

/* A good model of many kinds of item, as text. */
static void read_sample(struct sc_str *text)
{
    FILE *file = fopen(TEST_SOURCE_DIR "/samples/models/family/moe.json", "r");
    assert_non_null(file);
    for (int c; (c = fgetc(file)) != EOF;)
        sc_str_addn(text, &(char){(char)c}, 1);
    fclose(file);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    char message[2048];
    struct sc_str text = {0};
    read_sample(&text);
    for (size_t length = 0; length + 2 < text.length; length += 29)
        if (try_import(files_write("cut.json", sc_str_text(&text), length), message) != SC_INPUT)
            fail_msg("cut after %zu bytes: \"%s\"", length, message);
    sc_str_free(&text);
}

static void random_damage_is_survived(void **state)
{
    (void)state;
    static const char letters[] = "{}[]\",:0123456789-+*/ abcefghilnorstux_?|>()\\\n";
    char message[2048];
    struct sc_str good = {0}, text = {0};
    uint64_t seed = 2024;
    size_t refused = 0;
    read_sample(&good);
    for (int round = 0; round < 500; round++) {
        sc_str_clear(&text);
        sc_str_addn(&text, good.data, good.length);
        for (uint64_t k = 1 + sc_random_below(&seed, 3); k > 0; k--) {
            size_t at = sc_random_below(&seed, text.length), run = 1 + sc_random_below(&seed, 8);
            switch (sc_random_below(&seed, 3)) {
            case 0:
                text.data[at] = letters[sc_random_below(&seed, sizeof letters - 1)];
                break;
            case 1:
                run = run < text.length - at ? run : text.length - at - 1;
                memmove(text.data + at, text.data + at + run, text.length - at - run + 1);
                text.length -= run;
                break;
            default:
                text.data[at] = (char)sc_random_below(&seed, 256);
                break;
            }
        }
        refused += try_import(files_write("damaged.json", sc_str_text(&text), text.length), message) != SC_OK;
    }
    assert_true(refused > 250);
    sc_str_free(&good);
    sc_str_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_broken_file_gets_its_message),
        cmocka_unit_test(a_million_ops_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(long_things_are_refused_or_read),
        cmocka_unit_test(multiplied_work_is_refused),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(random_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
