import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.kotlin.jvm)
}

java {
    sourceCompatibility = JavaVersion.VERSION_1_8
    targetCompatibility = JavaVersion.VERSION_1_8
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_1_8
        allWarningsAsErrors = true
    }
}

dependencies {
    testImplementation(libs.junit)
}

// The command line of the tests: ./gradlew :core:tool --args="preprocess MODEL PICTURE OUT"
tasks.register<JavaExec>("tool") {
    classpath = sourceSets["test"].runtimeClasspath
    mainClass = "edgeeffnet.core.Tool"
}
