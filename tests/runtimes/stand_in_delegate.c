/* A delegate for tests, through the external delegate interface of TensorFlow Lite: it accepts every operator of one
 * kind, refuses to be made, or takes nothing. Only the parts of the structures that are touched are declared; their
 * order is that of tensorflow/lite/core/c/common.h of TensorFlow 2.21.
 *
 * Option mode: nothing (default) | refuse | fail. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct TfLiteContext TfLiteContext;
typedef struct TfLiteDelegate {
  void *data;
  int (*Prepare)(TfLiteContext *, struct TfLiteDelegate *);
  int (*CopyFromBufferHandle)(void);
  int (*CopyToBufferHandle)(void);
  void (*FreeBufferHandle)(void);
  int64_t flags;
  void *builder;
} TfLiteDelegate;

static int take_nothing(TfLiteContext *context, TfLiteDelegate *delegate) { (void)context; (void)delegate; return 0; }
static int fail(TfLiteContext *context, TfLiteDelegate *delegate) { (void)context; (void)delegate; return 1; }

__attribute__((visibility("default"))) TfLiteDelegate *tflite_plugin_create_delegate(
    const char *const *keys, const char *const *values, size_t count, void (*report)(const char *)) {
  int (*prepare)(TfLiteContext *, TfLiteDelegate *) = take_nothing;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(keys[i], "mode")) { report("unknown option"); return NULL; }
    if (!strcmp(values[i], "refuse")) { report("no device is attached"); return NULL; }
    if (!strcmp(values[i], "fail")) prepare = fail;
  }
  TfLiteDelegate *delegate = calloc(1, sizeof *delegate);
  delegate->Prepare = prepare;
  return delegate;
}

__attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate) { free(delegate); }
