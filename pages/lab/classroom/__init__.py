"""The class in this room, for its teacher."""
