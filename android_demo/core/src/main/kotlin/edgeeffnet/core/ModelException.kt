package edgeeffnet.core

/** A model, or what it says of itself, that cannot be used; the message is for the person who chose the file. */
class ModelException(message: String, cause: Throwable? = null) : Exception(message, cause)
