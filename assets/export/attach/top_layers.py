LAYERS = 1


def attach(model):
    """Only the last LAYERS decoder layers are trained."""
    model.requires_grad_(False)
    longest = max((m for m in model.modules() if isinstance(m, torch.nn.ModuleList)), key=len)
    longest[-LAYERS:].requires_grad_(True)
    return model, []


def save(model, folder):
    model.save_pretrained(folder)
