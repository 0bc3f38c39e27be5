package org.tensorflow.lite.gpu;

/**
 * The options that the GPU delegate of TensorFlow Lite 2.16.1 asks for. Its jar on Maven Central calls this class, the jar that
 * has it (tensorflow-lite-gpu-api) was never published there; Gradle's build takes both from LiteRT and leaves this one out.
 */
public class GpuDelegateFactory {
    /** What the delegate may do; the defaults are those of the documentation. */
    public static class Options {
        /** Which of the graphics interfaces is used; 0 lets the delegate choose. */
        public enum GpuBackend {
            UNSET(0),
            OPENCL(1),
            OPENGL(2);

            private final int value;

            GpuBackend(int value) {
                this.value = value;
            }

            public int value() {
                return value;
            }
        }

        public boolean isPrecisionLossAllowed() {
            return true;
        }

        public boolean areQuantizedModelsAllowed() {
            return true;
        }

        /** 0: one fast answer; 1: sustained speed. */
        public int getInferencePreference() {
            return 1;
        }

        public String getSerializationDir() {
            return null;
        }

        public String getModelToken() {
            return null;
        }

        public GpuBackend getForceBackend() {
            return GpuBackend.UNSET;
        }
    }
}
