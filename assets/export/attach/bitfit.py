def attach(model):
    """Only biases of the decoder layers are trained; where there are none, each linear layer gets one."""
    model.requires_grad_(False)
    layers = max((m for m in model.modules() if isinstance(m, torch.nn.ModuleList)), key=len)
    if not any(name.endswith("bias") for name, _ in layers.named_parameters()):
        for module in layers.modules():
            if isinstance(module, torch.nn.Linear):
                module.bias = torch.nn.Parameter(torch.zeros(module.out_features))
        model.config.attention_bias = model.config.mlp_bias = True
    for name, parameter in layers.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))
    return model, []


def save(model, folder):
    model.save_pretrained(folder)
